/* failing_memory.h - one allocation fails: for tests that count up until none is reached any more.
 *
 * The test that includes it has the line "WRAP: malloc calloc realloc", and is one file.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RS_TEST_FAILING_MEMORY_H
#define RS_TEST_FAILING_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static long allowed = -1; /* allocations until one fails; negative: none does */

static bool refused(void)
{
    return allowed >= 0 && allowed-- == 0;
}

void *__wrap_malloc(size_t size)
{
    return refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return refused() ? NULL : __real_realloc(memory, size);
}

#endif
