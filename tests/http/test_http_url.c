/* What is shown of a URL, and which URLs may get the same secrets. */
#include "http/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void shown(void **state)
{
    static const char *const cases[][2] = {
        {"https://host/path/store.ikv", "https://host/path/store.ikv"},
        {"https://user:secret@host:8443/a", "https://host:8443/a"},
        {"https://user:p@ss@host/a@b", "https://host/a@b"},
        {"http://host/a?X-Amz-Signature=secret&b=c", "http://host/a?..."},
        {"http://host/a#secret", "http://host/a"},
        {"http://host?secret", "http://host?..."},
        {"http://host", "http://host"},
        {"http://", "http://"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = ikv_url_shown(cases[i][0]);
        assert_string_equal(text, cases[i][1]);
        free(text);
    }
}

static void origins(void **state)
{
    (void)state;
    assert_true(ikv_url_same_origin("https://host/a", "https://host/b?c"));
    assert_true(ikv_url_same_origin("HTTPS://Host/a", "https://user@host/b"));
    assert_false(ikv_url_same_origin("https://host/a", "http://host/a"));
    assert_false(ikv_url_same_origin("https://host/a", "https://host:444/a"));
    assert_false(ikv_url_same_origin("https://host/a", "https://host2/a"));
    assert_false(ikv_url_same_origin("https://host@evil/a", "https://host/a"));
    assert_false(ikv_url_same_origin("https://a.b/", "https://b/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(shown), cmocka_unit_test(origins)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
