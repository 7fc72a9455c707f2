/*
 * The linker option --wrap, where the linker lacks it: calls of NAME in the program reach
 * __wrap_NAME, and __real_NAME calls the system's NAME. ikv_wrap() in tests/CMakeLists.txt writes
 * the file that includes this header and lists the names.
 */
#ifndef TEST_WRAP_CALLS_H
#define TEST_WRAP_CALLS_H

#include <dlfcn.h>
#include <stddef.h>

#if defined(__APPLE__)
#define LABEL(name)     "_" name
#define PAGE_OF(name)   LABEL(name) "@PAGE"
#define OFFSET_OF(name) LABEL(name) "@PAGEOFF"
#else
#define LABEL(name)     name
#define PAGE_OF(name)   name
#define OFFSET_OF(name) ":lo12:" name
#endif

#if defined(__x86_64__)
#define JUMP(to)         "jmp " LABEL(to) "\n"
#define JUMP_THROUGH(to) "jmp *" LABEL(to) "(%rip)\n"
#else
#define JUMP(to)         "b " LABEL(to) "\n"
#define JUMP_THROUGH(to) "adrp x16, " PAGE_OF(to) "\nldr x16, [x16, " OFFSET_OF(to) "]\nbr x16\n"
#endif

/* The name that calls of stat and its relatives have in object files. */
#if defined(__APPLE__) && defined(__x86_64__)
#define STAT_SYMBOL(name) name "$INODE64"
#else
#define STAT_SYMBOL(name) name
#endif

/* A jump passes on all arguments, whatever the signature. The program's own definition of a symbol
 * takes precedence over the system's, which RTLD_NEXT finds. */
#define WRAP_SYMBOL(name, symbol)                                                                            \
    extern __attribute__((visibility("hidden"))) void *original_##name;                                      \
    void *original_##name;                                                                                   \
    __asm__(                                                                                                 \
        ".text\n.p2align 4\n"                                                                                \
        ".globl \"" LABEL(symbol) "\"\n\"" LABEL(symbol) "\":\n" JUMP(                                       \
            "__wrap_" #name) ".globl " LABEL("__real_" #name) "\n" LABEL("__real_" #name) ":"                \
                                                                                          "\n" JUMP_THROUGH( \
                                                                                              "or"           \
                                                                                              "ig"           \
                                                                                              "in"           \
                                                                                              "al"           \
                                                                                              "_" #name));   \
    __attribute__((constructor)) static void find_##name(void)                                               \
    {                                                                                                        \
        original_##name = dlsym(RTLD_NEXT, symbol);                                                          \
    }
#define WRAP(name)      WRAP_SYMBOL(name, #name)
#define WRAP_STAT(name) WRAP_SYMBOL(name, STAT_SYMBOL(#name))

#endif
