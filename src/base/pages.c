/* pages.c - a mapping that begins where a large page may begin.
 *
 * Only whole large pages become such: the rest at the end stays in small ones, so no more memory is
 * used than was asked for.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/pages.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { LARGE_PAGE = 1 << 21, SMALL_PAGE = 1 << 12 };

static size_t whole_pages(size_t bytes)
{
    return (bytes + SMALL_PAGE - 1) & ~(size_t)(SMALL_PAGE - 1);
}

void *rsi_pages_take(size_t bytes)
{
    if (bytes < LARGE_PAGE) {
        return calloc(1, bytes == 0 ? 1 : bytes);
    }
    if (bytes > SIZE_MAX - LARGE_PAGE - SMALL_PAGE) {
        return NULL;
    }
    size_t wanted = whole_pages(bytes);
    char *all =
        mmap(NULL, wanted + LARGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) {
        return NULL;
    }
    size_t before = (size_t)(-(uintptr_t)all & (LARGE_PAGE - 1));
    char *pages = all + before;
    if (before > 0) {
        (void)munmap(all, before);
    }
    if (before < LARGE_PAGE) {
        (void)munmap(pages + wanted, LARGE_PAGE - before);
    }
    (void)madvise(pages, wanted, MADV_HUGEPAGE); /* a wish: without it the memory is as good */
    return pages;
}

void rsi_pages_give(void *pages, size_t bytes)
{
    if (bytes < LARGE_PAGE) {
        free(pages);
    } else if (pages != NULL) {
        (void)munmap(pages, whole_pages(bytes));
    }
}

void rsi_pages_wish(void *memory, size_t bytes)
{
    size_t skipped = (SMALL_PAGE - (uintptr_t)memory % SMALL_PAGE) % SMALL_PAGE;
    if (memory != NULL && bytes >= 2 * (size_t)LARGE_PAGE) {
        (void)madvise((char *)memory + skipped, bytes - skipped, MADV_HUGEPAGE);
    }
}
