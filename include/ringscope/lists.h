/* lists.h - blacklist and whitelist files: who is known, how surely, since when.
 *
 * CSV: type,id,reason[,strength][,since]; strength in (0,1], default 1; since a date or time.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RINGSCOPE_LISTS_H
#define RINGSCOPE_LISTS_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "graph.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rs_list_entry {
    uint32_t node;
    uint32_t strength; /* millionths, 1 .. 1000000, as the file says */
    int64_t since;     /* UTC seconds or RS_NO_TIME */
    char reason[120];  /* cut at a character's border */
} rs_list_entry;

/* Entries ascend by node; a node that is named twice keeps the strongest, then the earliest. */
typedef struct rs_list {
    rs_list_entry *entries;
    size_t count;
    uint64_t missing_count; /* rows whose id is not in the store: counted, not fatal */
    uint64_t repeated_count;
    uint64_t future_count;  /* rows since later than as_of: left out */
} rs_list;

/* RS_EINPUT with file:line:column for a bad row or header. */
RS_API RS_MUST_USE rs_status rs_list_read(const rs_graph *graph, const char *path, rs_list *out,
                                          rs_error *err);
RS_API void rs_list_free(rs_list *list);

typedef struct rs_seed_options {
    uint32_t half_life_days; /* a listing's strength halves with each; 0: it never fades */
} rs_seed_options;
#define RS_SEED_DEFAULTS { .half_life_days = 730 }

/* Fill seed[node_count of the graph] (RS_RISK_ONE is 1.0): + strength with its age for the
 * blacklist, - the same for the whitelist; a node on both counts as blacklisted and is counted in
 * *conflict_count. Either list may be NULL. No floating point: same on every machine. */
RS_API void rs_seeds(const rs_graph *graph, const rs_list *blacklist, const rs_list *whitelist,
                     const rs_seed_options *options, int64_t *seed, uint64_t *conflict_count);

#ifdef __cplusplus
}
#endif
#endif
