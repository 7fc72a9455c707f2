/*
 * What the linker option --wrap does, where linkers lack it (macOS). Calls of NAME in the program
 * reach __wrap_NAME, and __real_NAME calls the system's NAME. ikv_wrap() in tests/CMakeLists.txt
 * writes the file that includes this header and lists the names.
 */
#ifndef TEST_WRAP_MACHO_H
#define TEST_WRAP_MACHO_H

#include <dlfcn.h>
#include <stddef.h>

#if defined(__x86_64__)
#define JUMP(to)          "jmp " to "\n"
#define JUMP_THROUGH(to)  "jmp *" to "(%rip)\n"
#define STAT_SYMBOL(name) name "$INODE64" /* the struct stat of today */
#else
#define JUMP(to)          "b " to "\n"
#define JUMP_THROUGH(to)  "adrp x16, " to "@PAGE\nldr x16, [x16, " to "@PAGEOFF]\nbr x16\n"
#define STAT_SYMBOL(name) name
#endif

/* A jump keeps all arguments, so the signature does not matter. The program's own definition wins
 * over the system's, which RTLD_NEXT finds. */
#define WRAP_SYMBOL(name, symbol)                                                                  \
    extern void *original_##name;                                                                  \
    void *original_##name;                                                                         \
    __asm__(".text\n.p2align 4\n"                                                                  \
            ".globl \"_" symbol "\"\n\"_" symbol                                                   \
            "\":\n" JUMP("___wrap_" #name) ".globl ___real_" #name "\n___real_" #name              \
                                           ":\n" JUMP_THROUGH("_original_" #name));                \
    __attribute__((constructor)) static void find_##name(void)                                     \
    {                                                                                              \
        original_##name = dlsym(RTLD_NEXT, symbol);                                                \
    }
#define WRAP(name)      WRAP_SYMBOL(name, #name)
#define WRAP_STAT(name) WRAP_SYMBOL(name, STAT_SYMBOL(#name))

#endif
