/*
 * Recomputes the checksums of a native store after changes at random, so that a fuzzer gets behind
 * them. Unlike trailer_edit.h it expects nothing of the bytes: parts that are not where FORMAT.md
 * puts them are left alone. Written from FORMAT.md, shares no code with the library.
 */
#ifndef FUZZ_REPAIR_H
#define FUZZ_REPAIR_H

#include <stddef.h>
#include <stdint.h>

void fuzz_repair(uint8_t *bytes, size_t size);

#endif
