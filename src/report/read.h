/* read.h - an open report, and what its two files share: read.c finds lines, parse.c reads them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_REPORT_READ_H
#define RSI_REPORT_READ_H

#include <stdbool.h>
#include <stdio.h>

#include "base/json.h"
#include "ringscope/report.h"

/* An array that grows and keeps its memory from ring to ring. */
typedef struct rsi_vector {
    void *items;
    size_t count;
    size_t capacity;
} rsi_vector;

struct rs_report {
    FILE *file;
    char *path;
    char *buffer; /* what was read ahead: bytes at .. end - 1 */
    size_t capacity;
    size_t at;
    size_t end;
    uint64_t line_number;
    bool comma; /* another ring has to follow, or may where none was read yet */
    bool fresh; /* none was read yet */
    bool done;  /* the end of the array was read */
    rsi_json *json;
    size_t json_at; /* where in the line the parsed text starts */
    rs_cluster cluster;
    rsi_vector members;
    rsi_vector things;
    rsi_vector reasons;
    rsi_vector facts;
    rsi_vector users;
    rsi_vector paid;
    rsi_vector victims;
    rsi_vector holds;
    rsi_vector alone;
    rsi_vector ties;
};

/* RS_ECORRUPT with the report's path and line. */
rs_status rsi_damaged(const rs_report *report, const char *what, rs_error *err);
/* The same with the column where the parser stands: its own problem, or that the value of `key` is
 * not what was expected. RS_ENOMEM where the parser had no memory. */
rs_status rsi_damaged_at(const rs_report *report, const char *key, const char *expected,
                         rs_error *err);
/* The next token; a bad one is a failure. */
RS_MUST_USE rs_status rsi_next_token(rs_report *report, const char *key, rsi_json_token *token,
                                     rs_text *text, rs_error *err);
/* The next token, which has to be `wanted`. */
RS_MUST_USE rs_status rsi_expect(rs_report *report, const char *key, rsi_json_token wanted,
                                 rs_text *text, rs_error *err);
/* One ring from its line into report->cluster. */
RS_MUST_USE rs_status rsi_read_cluster(rs_report *report, rs_text line, rs_error *err);

#endif
