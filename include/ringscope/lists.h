/* lists.h - blacklist and whitelist files: who is known, how surely, since when.
 *
 * CSV with a header, columns in any order: type,id,reason[,strength][,since]; other columns are
 * ignored. strength: decimal, above 0 and at most 1, six digits; empty: 1. since: ISO 8601 or Unix
 * seconds; empty: unknown, and then it never fades.
 *
 * Memory  an entry has 144 bytes; a list is read whole
 * Trust   the file is checked field by field; nothing of a bad one is used
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RINGSCOPE_LISTS_H
#define RINGSCOPE_LISTS_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "graph.h"
#include "text.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rs_list_entry {
    uint32_t node;
    uint32_t strength; /* millionths, 1 .. 1000000, as the file says */
    int64_t since;     /* UTC seconds or RS_NO_TIME */
    char reason[120];  /* NUL-terminated, cut at a character's border, one line */
} rs_list_entry;

/* Entries ascend by node, each node once: of several rows the strongest, then the earliest (unknown
 * last), then the first reason in byte order. The order of rows changes nothing. */
typedef struct rs_list {
    rs_list_entry *entries;
    size_t count;
    uint64_t missing_count; /* rows whose id is not in the store: counted, not fatal */
    uint64_t repeated_count;
    uint64_t future_count; /* rows since later than as_of: left out */
} rs_list;

/* Read `path` (plain, .gz, .zst; "-": standard input). RS_EINPUT with file:line:column, the column
 * counted in fields, for a bad row or header; RS_EIO, RS_ENOMEM, RS_ECORRUPT (store). On failure
 * *out is empty. Cost: one look-up in the store's dictionary a row. */
RS_API RS_MUST_USE rs_status rs_list_read(const rs_graph *graph, const char *path, rs_list *out,
                                          rs_error *err);
RS_API void rs_list_free(rs_list *list);

/* The same from several origins: new -> add, add_file -> end -> free. */
typedef struct rs_list_maker rs_list_maker;
typedef struct rs_list_row { /* lent; valid UTF-8, a strength and times as in rs_list_entry */
    rs_text type, id, reason;
    uint32_t strength;
    int64_t since;
} rs_list_row;
/* The graph is lent until the maker is freed. RS_ENOMEM. */
RS_API RS_MUST_USE rs_status rs_list_new(rs_list_maker **out, const rs_graph *graph, rs_error *err);
RS_API RS_MUST_USE rs_status rs_list_add(rs_list_maker *maker, const rs_list_row *row,
                                         rs_error *err);
RS_API RS_MUST_USE rs_status rs_list_add_file(rs_list_maker *maker, const char *path,
                                              rs_error *err);
/* All that was added, as rs_list_read gives it; the maker is empty after. */
RS_API RS_MUST_USE rs_status rs_list_end(rs_list_maker *maker, rs_list *out, rs_error *err);
RS_API void rs_list_maker_free(rs_list_maker *maker); /* NULL is fine */

typedef struct rs_seed_options {
    uint32_t half_life_days; /* a listing's strength halves with each; 0: it never fades */
} rs_seed_options;
#define RS_SEED_DEFAULTS                                                                           \
    {                                                                                              \
        .half_life_days = 730                                                                      \
    }

/* Fill seed[node_count of the graph] (RS_RISK_ONE is 1.0): + strength * 2^(-age / half life) for
 * the blacklist, - the same for the whitelist; age from since to the graph's as_of. A node on both
 * counts as blacklisted. Either list may be NULL. No floating point: same on every machine. */
RS_API void rs_seeds(const rs_graph *graph, const rs_list *blacklist, const rs_list *whitelist,
                     const rs_seed_options *options, int64_t *seed);

/* ---- who is listed both ways ----------------------------------------------------------------- */

/* A whitelisted node that is blacklisted too (both are the same node), or that is the same person
 * (a hard link) as a blacklisted one. */
typedef struct rs_conflict {
    uint32_t blacklisted;
    uint32_t whitelisted;
} rs_conflict;

/* In ascending order of `whitelisted`, each once. */
typedef struct rs_conflicts {
    uint64_t count;
    size_t kept_count; /* the first of them */
    rs_conflict *kept;
} rs_conflicts;

/* `entity` has subject_count entries, as rs_evidence does. Keeps the first `keep_max`. RS_ENOMEM.
 * O(subjects + entries). */
RS_API RS_MUST_USE rs_status rs_conflicts_find(const rs_list *blacklist, const rs_list *whitelist,
                                               const uint32_t *entity, uint32_t subject_count,
                                               size_t keep_max, rs_conflicts *out, rs_error *err);
/* In rs_seeds's answer, forget the whitelisting of who is the same person as a blacklisted account:
 * it holds nothing back. Entities as above. RS_ENOMEM. */
RS_API RS_MUST_USE rs_status rs_seeds_settle(const rs_list *blacklist, const rs_list *whitelist,
                                             const uint32_t *entity, uint32_t subject_count,
                                             int64_t *seed, rs_error *err);
RS_API void rs_conflicts_free(rs_conflicts *conflicts);

#ifdef __cplusplus
}
#endif
#endif
