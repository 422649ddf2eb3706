/* rows.h - rows before they are written: four numbers each, put in order, turned into CSV.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_LAB_ROWS_H
#define RSI_LAB_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ringscope/error.h"

/* logins: account, device, address. payments: payer, payee, cents. instruments: account, card,
 * phone, RSI_NO_THING where there is none. */
typedef struct rsi_row {
    uint32_t second; /* from the start of history */
    uint32_t a, b, c;
} rsi_row;

#define RSI_NO_THING UINT32_MAX

/* A growing array. When memory ends it keeps what it has and remembers `failed`: who fills it looks
 * once at the end. */
typedef struct rsi_rows {
    rsi_row *at;
    size_t count, capacity;
    bool failed;
} rsi_rows;

void rsi_rows_push(rsi_rows *rows, uint32_t second, uint32_t a, uint32_t b, uint32_t c);
/* Order rows of [from, from + length) by time, or by a hash where `shuffle` is not 0; ties by a
 * hash of the content. An order of content alone: how the rows came in does not show. */
RS_MUST_USE rs_status rsi_rows_sort(rsi_rows *rows, uint32_t from, uint32_t length,
                                    uint64_t shuffle, rs_error *err);
void rsi_rows_free(rsi_rows *rows);

/* A buffered file that is written from front to back; the first failure sticks and is told by
 * close. */
typedef struct rsi_sheet {
    FILE *file;
    char *buffer;
    size_t used;
    char path[4096];
    int failed; /* errno */
} rsi_sheet;

#define RSI_SHEET_BYTES ((size_t)1 << 18)

RS_MUST_USE rs_status rsi_sheet_open(rsi_sheet *sheet, const char *dir, const char *name,
                                     rs_error *err);
/* Room for `bytes` more; returns where they go. */
char *rsi_sheet_room(rsi_sheet *sheet, size_t bytes);
void rsi_sheet_text(rsi_sheet *sheet, const char *text);
RS_PRINTF(2, 3) void rsi_sheet_print(rsi_sheet *sheet, const char *format, ...);
RS_MUST_USE rs_status rsi_sheet_close(rsi_sheet *sheet, rs_error *err);
void rsi_sheet_abandon(rsi_sheet *sheet);

#endif
