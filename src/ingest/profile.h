/* profile.h - what a dry run found, before it becomes JSON (docs/PROFILE.md).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_INGEST_PROFILE_H
#define RSI_INGEST_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ingest/chunk.h"
#include "ingest/columns.h"
#include "ingest/feed.h"
#include "ingest/hubs.h"
#include "ingest/inputs.h"
#include "ingest/mapping.h"
#include "ingest/rows.h"
#include "ringscope/ingest.h"

enum { RSI_PROFILE_BAD_SHOWN = 10 };

typedef struct rsi_profile_type {
    char *name;
    rsi_hubs *hubs;
} rsi_profile_type;

typedef struct rsi_profile_relation {
    char *name;
    char *currency;
    rs_kind kind;
    bool place;
    uint32_t src_type;
    uint32_t dst_type;
    unsigned decimals;
    uint64_t edge_count;
    uint64_t timed_count;
    int64_t time_min;
    int64_t time_max;
    uint64_t amount_count;
    int64_t amount_min;
    int64_t amount_max;
    unsigned digits; /* after the point, the most that an amount needs */
} rsi_profile_relation;

typedef struct rsi_profile_file {
    uint64_t row_count;
    uint64_t bad_count;
} rsi_profile_file;

typedef struct rsi_profile_bad {
    const rsi_input *file;
    uint64_t line;
    size_t column;
    char *reason;
} rsi_profile_bad;

typedef struct rsi_profile {
    rsi_mapping *mapping;
    rsi_inputs inputs;
    rsi_registry registry;
    size_t source_count;
    rsi_columns *columns; /* by source */
    rsi_profile_file *files;
    rsi_profile_type *types;
    size_t type_count;
    rsi_profile_relation *relations;
    size_t relation_count;
    rsi_profile_bad shown[RSI_PROFILE_BAD_SHOWN];
    size_t shown_count;
} rsi_profile;

/* The profile as one JSON document, to be freed with free(). RS_ENOMEM. */
RS_MUST_USE rs_status rsi_profile_print(const rsi_profile *profile, char **json, rs_error *err);

#endif
