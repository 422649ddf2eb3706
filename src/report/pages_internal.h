/* pages_internal.h - what who writes pages and who reads them must see alike: the head of a sheet.
 *
 *     sheet = per page [ length u32 ][ key u64 ][ checksum u64 ] then the pages, end to end
 *     note  = [ key of the first page u64 ][ checksum of the head u64 ]
 *     meta  = per section [ number u32 ][ first sheet u64 ][ pages u64 ]
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_REPORT_PAGES_INTERNAL_H
#define RSI_REPORT_PAGES_INTERNAL_H

#include "report/pages.h"

enum {
    RSI_PAGE_ENTRY_BYTES = 20,
    RSI_SHEET_NOTE_BYTES = 16,
    RSI_SECTION_BYTES = 20,
};

typedef struct rsi_page_entry {
    uint32_t length;
    uint64_t key;
    uint64_t checksum;
} rsi_page_entry;

/* A head's checksum is seeded with the identity and its sheet, a page's with its place too. */
static inline uint64_t rsi_page_seed(uint64_t identity, uint64_t sheet, size_t place)
{
    return identity + sheet + ((uint64_t)(place + 1) << 32);
}

#endif
