/* pages.h - memory for large tables, in large pages where the system has them.
 *
 * A table that is read and written at random places costs a walk through the page tables at most
 * look-ups, and a fault for every 4 KiB when it is first filled; large pages save both.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_PAGES_H
#define RSI_BASE_PAGES_H

#include <stddef.h>

/* `bytes` bytes of zeros, or NULL; below 2 MiB as calloc gives them. */
void *rsi_pages_take(size_t bytes);
/* Give them back to the system, with the number that was taken; NULL is fine. */
void rsi_pages_give(void *pages, size_t bytes);
/* The same pages for what malloc or calloc just gave, where it is enough of it: a wish, and nothing
 * is lost where the system does not heed it. NULL is fine. */
void rsi_pages_wish(void *memory, size_t bytes);

#endif
