/* Checks in a child process, where a failed cmocka assertion would go on in the parent's tests. */
#ifndef IKV_TESTS_CHILD_H
#define IKV_TESTS_CHILD_H

/* In a child: prints the condition and ends the process if it does not hold. */
#define CHILD_CHECK(condition)                                                                     \
    do {                                                                                           \
        if (!(condition))                                                                          \
            child_failed(__FILE__, __LINE__, #condition);                                          \
    } while (0)

void child_failed(const char *file, int line, const char *condition) __attribute__((noreturn));

/* Run in a child process; fails the test unless it returns. */
void in_child(void (*run)(void *user), void *user);

#endif
