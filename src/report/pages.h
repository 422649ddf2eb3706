/* pages.h - a file of pages that are read one by one: what a run keeps to explain itself.
 *
 * Pages of one sort follow one another as a section; each has columns of numbers and a text, and a
 * key. A file is a container of blocks (store/blockfile.h); a block is a sheet of up to 128 pages
 * of a section, with a head that says where each lies. So the index that opening reads is a
 * hundredth of what an entry a page would be, and a page is found by its number: one read for the
 * head of its sheet, kept from then on, and one for itself. Layout, byte for byte: docs/REPORT.md.
 *
 * Trust    the file may be damaged or hostile: a page is what its checksum covers, its columns have
 *          the lengths they say, and who reads them checks the values
 * Memory   a reader keeps up to RSI_PAGES_KEPT pages and RSI_SHEETS_KEPT heads of 2.5 KB; a page
 *          lent may go with the next one that is asked for
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_REPORT_PAGES_H
#define RSI_REPORT_PAGES_H

#include "ringscope/text.h"
#include "ringscope/work.h"
#include "store/blockfile.h"

enum {
    RSI_PAGE_COLUMNS_MAX = 16,
    RSI_PAGES_SECTIONS_MAX = 1 << 16,
    RSI_PAGES_OF_SHEET = 128,
    RSI_PAGES_KEPT = 512,
    RSI_SHEETS_KEPT = 256,
};

/* ---- writing --------------------------------------------------------------------------------- */

typedef struct rsi_pages_writer rsi_pages_writer;

/* Make the file `name` in the open folder `directory`. */
RS_MUST_USE rs_status rsi_pages_create(rsi_pages_writer **out, int directory, const char *name,
                                       uint64_t identity, rs_error *err);
/* The pages that follow are of `section`; sections ascend. */
RS_MUST_USE rs_status rsi_pages_section(rsi_pages_writer *writer, uint32_t section, rs_error *err);
/* The parts of the page at hand, in this order. */
RS_MUST_USE rs_status rsi_page_column(rsi_pages_writer *writer, const uint64_t *values,
                                      size_t count, rs_error *err);
/* `pack`: try to make it smaller, which bits side by side seldom are. */
RS_MUST_USE rs_status rsi_page_text(rsi_pages_writer *writer, const void *bytes, size_t length,
                                    bool pack, rs_error *err);
/* End the page, which has RSI_PAGE_COLUMNS_MAX columns at most. */
RS_MUST_USE rs_status rsi_page_end(rsi_pages_writer *writer, uint64_t key, rs_error *err);
/* All pages of the section at hand, by all threads, in order: `make` puts page `number` of them
 * into `part` and ends it. */
typedef rs_status (*rsi_page_maker)(void *context, size_t number, unsigned worker,
                                    rsi_pages_writer *part, rs_error *err);
RS_MUST_USE rs_status rsi_pages_make(rsi_pages_writer *writer, const rs_work *work, size_t count,
                                     rsi_page_maker make, void *context, rs_error *err);
/* Index, footer, sync. *ref then has the size and the digest. */
RS_MUST_USE rs_status rsi_pages_finish(rsi_pages_writer *writer, rsi_file_ref *ref, rs_error *err);
/* NULL is fine. The file stays where it is. */
void rsi_pages_close(rsi_pages_writer *writer);

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct rsi_page {
    size_t column_count;
    uint64_t *columns[RSI_PAGE_COLUMNS_MAX];
    size_t counts[RSI_PAGE_COLUMNS_MAX];
    rs_text text;
} rsi_page;

typedef struct rsi_pages rsi_pages; /* belongs to one thread */

/* Open the file of `bytes` bytes. RS_EIO, RS_ECORRUPT (one that is missing, too), RS_ENOMEM. */
RS_MUST_USE rs_status rsi_pages_open(rsi_pages **out, const char *path, uint64_t bytes,
                                     uint64_t identity, rs_error *err);
void rsi_pages_done(rsi_pages *pages);
/* Pages of a section; 0 where there is none. */
size_t rsi_pages_count(const rsi_pages *pages, uint32_t section);
/* The last page of a section whose key is not above `key`; SIZE_MAX: none. Keys ascend. */
RS_MUST_USE rs_status rsi_pages_seek(rsi_pages *pages, uint32_t section, uint64_t key,
                                     size_t *number, rs_error *err);
/* The key of a page. */
RS_MUST_USE rs_status rsi_pages_key(rsi_pages *pages, uint32_t section, size_t number,
                                    uint64_t *key, rs_error *err);
/* A page with at least `columns` columns, or RS_ECORRUPT. Lent until the next call. */
RS_MUST_USE rs_status rsi_pages_get(rsi_pages *pages, uint32_t section, size_t number,
                                    size_t columns, const rsi_page **page, rs_error *err);
/* The page will be asked for soon. Said once, the head of its sheet is read in the meantime, which
 * tells where it is; said again, the page. */
void rsi_pages_expect(rsi_pages *pages, uint32_t section, size_t number);
/* Fail because a page holds what it cannot. */
RS_MUST_USE rs_status rsi_pages_damaged(const rsi_pages *pages, uint32_t section, size_t number,
                                        const char *what, rs_error *err);

#endif
