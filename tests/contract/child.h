/* Checks in child processes, where a failed cmocka assertion would continue with the next test. */
#ifndef IKV_TESTS_CHILD_H
#define IKV_TESTS_CHILD_H

/* Ends the child process with a message if the condition is false. */
#define CHILD_CHECK(condition)                                                                     \
    do {                                                                                           \
        if (!(condition))                                                                          \
            child_failed(__FILE__, __LINE__, #condition);                                          \
    } while (0)

void child_failed(const char *file, int line, const char *condition) __attribute__((noreturn));

/* Runs the function in a child process. Fails the test unless it returns. */
void in_child(void (*run)(void *user), void *user);

#endif
