/* inputs.h - which files are read, and by which source of the mapping.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_INGEST_INPUTS_H
#define RSI_INGEST_INPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ingest/mapping.h"
#include "ringscope/error.h"

typedef struct rsi_input {
    char *path; /* as named, or as the pattern gave it; "-": standard input; a query's name */
    char *real; /* after realpath(3); NULL for standard input and queries */
    const char *address; /* of the database, for a query; else NULL. Never printed */
    size_t source;
    bool lines; /* JSON Lines; otherwise CSV with: */
    char delimiter;
    bool waits;    /* not a file on disk */
    uint64_t size; /* bytes as stored; 0: not known */
} rsi_input;

typedef struct rsi_inputs {
    rsi_input *items;
    size_t count;
    size_t capacity;
    uint64_t size; /* of all; 0: not known */
    bool waits;    /* one at least is a pipe, a terminal or the like */
    bool queries;  /* all are queries: work is counted in rows */
} rsi_inputs;

/* Expand `names` (a pattern only where no such file is, a database into the mapping's queries), in
 * their order. RS_EUSAGE: nothing matches, a file named twice, no source for it, two databases;
 * RS_EINPUT: a directory; RS_EIO; RS_ENOMEM. Freed with rsi_inputs_free also after a failure;
 * `inputs` starts as { 0 }. */
RS_MUST_USE rs_status rsi_inputs_find(rsi_inputs *inputs, const rsi_mapping *mapping,
                                      const char *const *names, size_t count, rs_error *err);
void rsi_inputs_free(rsi_inputs *inputs);

#endif
