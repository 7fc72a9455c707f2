/* The scanner of JSON objects, compared with jansson on valid and on mutated objects. */
#include "input/json_line.h"

#include "rng.h"
#include "scale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static void put(struct buffer *buffer, const char *text)
{
    assert_true(buffer_append(buffer, text, strlen(text)));
}

static const char *pick(rng_state *random, const char *const *list, size_t count)
{
    return list[rng_below(random, count)];
}

static void put_value(rng_state *random, struct buffer *buffer, int depth)
{
    static const char *const scalars[] = {"0",
                                          "-1",
                                          "12.5e+3",
                                          "1E5",
                                          "true",
                                          "false",
                                          "null",
                                          "\"\"",
                                          "\"text\"",
                                          "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
                                          "\"\\u00e9\"",
                                          "\"\\ud83d\\ude00\"",
                                          "\"\xc3\xa9\"",
                                          "\"[{,:}]\""};
    static const char *const spaces[] = {"", "", "", " ", "\t", " \r\n "};
    uint64_t choice = rng_below(random, depth > 3 ? 1 : 3);

    put(buffer, pick(random, spaces, 6));
    if (choice == 0) {
        put(buffer, pick(random, scalars, sizeof(scalars) / sizeof(scalars[0])));
    } else {
        uint64_t count = rng_below(random, 4);
        put(buffer, choice == 1 ? "[" : "{");
        for (uint64_t i = 0; i < count; i++) {
            char name[16];
            snprintf(name, sizeof(name), "\"n%d\":", (int)i);
            if (i > 0)
                put(buffer, ",");
            if (choice == 2)
                put(buffer, name);
            put_value(random, buffer, depth + 1);
        }
        put(buffer, choice == 1 ? "]" : "}");
    }
    put(buffer, pick(random, spaces, 6));
}

static void put_object(rng_state *random, struct buffer *buffer)
{
    buffer->size = 0;
    put(buffer, "{\"first\":");
    put_value(random, buffer, 0);
    put(buffer, ",\"key\":");
    put_value(random, buffer, 0);
    put(buffer, ", \"last\" :");
    put_value(random, buffer, 0);
    put(buffer, "}");
}

/* Compare what was found with the member in jansson's tree. */
static void compare_member(const struct json_wanted *found, json_t *object)
{
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
    json_t *member = json_object_get(object, found->name);
    json_error_t error;

    assert_int_equal(member != NULL, found->text != NULL);
    if (member == NULL)
        return;
    assert_int_equal(json_is_string(member), found->is_string);
    if (found->is_string) {
        struct buffer text = {0};
        assert_int_equal(json_string_append(&text, found->text, found->length), JSON_DONE);
        assert_int_equal(text.size, json_string_length(member));
        if (text.size > 0)
            assert_memory_equal(text.data, json_string_value(member), text.size);
        buffer_free(&text);
        return;
    }
    json_t *again = json_loadb(found->text, found->length, flags, &error);
    assert_non_null(again);
    assert_true(json_equal(again, member));
    json_decref(again);
}

static void check(const struct buffer *text, int *accepted)
{
    struct json_wanted wanted[3] = {{.name = "key"}, {.name = "last"}, {.name = "none"}};
    struct buffer scratch = {0};
    json_error_t error;
    json_t *object = json_loadb(text->data, text->size, JSON_ALLOW_NUL, &error);
    const char *problem = json_object_find(text->data, text->size, wanted, 3, &scratch);

    if (object != NULL && json_is_object(object)) {
        /* Members that occur twice are refused here; jansson takes the last one. */
        if (problem == NULL || strcmp(problem, "every name once") != 0) {
            if (problem != NULL)
                fail_msg("refused: expected %s in %.*s", problem, (int)text->size, text->data);
            for (int i = 0; i < 3; i++)
                compare_member(&wanted[i], object);
            ++*accepted;
        }
    } else if (problem == NULL && json_error_code(&error) != json_error_invalid_utf8 &&
               json_error_code(&error) != json_error_numeric_overflow &&
               strstr(error.text, "surrogate") == NULL && strstr(error.text, "UTF-8") == NULL &&
               strstr(error.text, "Unicode") == NULL) {
        /* Only wanted strings are decoded, so other surrogates are not looked at. */
        fail_msg("accepted: %.*s (%s)", (int)text->size, text->data, error.text);
    }
    json_decref(object);
    buffer_free(&scratch);
}

static void valid_objects(void **state)
{
    rng_state random = {8259};
    struct buffer text = {0};
    int accepted = 0;
    const size_t count = test_scaled(20000);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        put_object(&random, &text);
        check(&text, &accepted);
    }
    assert_int_equal(accepted, count);
    buffer_free(&text);
}

static void mutated_objects(void **state)
{
    static const char bytes[] = "{}[]\",:\\ue0-1.tn \t\x01\xff";
    rng_state random = {627};
    struct buffer text = {0};
    int accepted = 0;

    (void)state;
    for (size_t i = 0; i < test_scaled(100000); i++) {
        put_object(&random, &text);
        uint64_t edits = 1 + rng_below(&random, 2);
        for (uint64_t k = 0; k < edits; k++) {
            size_t place = (size_t)rng_below(&random, text.size);
            if (rng_below(&random, 2) == 0) {
                text.data[place] = bytes[rng_below(&random, sizeof(bytes) - 1)];
            } else {
                memmove(text.data + place, text.data + place + 1, text.size - place - 1);
                text.size--;
            }
        }
        check(&text, &accepted);
    }
    assert_true(accepted > 0);
    buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_objects),
        cmocka_unit_test(mutated_objects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
