/* explain.h - all that explain prints of one node: gathered first, printed then.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_CLI_EXPLAIN_H
#define RSI_CLI_EXPLAIN_H

#include <stdbool.h>
#include <stdio.h>

#include "ringscope/evidence.h"
#include "ringscope/graph.h"
#include "ringscope/lists.h"
#include "ringscope/propagate.h"
#include "ringscope/report.h"
#include "ringscope/score.h"

enum { RSI_WHY_ODD_MAX = 8, RSI_WHY_USERS_MAX = 10 };

/* One relation of the node, seen from one of its two ends. */
typedef struct rsi_why_relation {
    size_t relation;
    bool from; /* the node is where the relation starts */
    uint64_t edge_count;
    uint64_t peer_count; /* distinct */
} rsi_why_relation;

/* A subject that uses the thing, and the spread that it has. */
typedef struct rsi_why_user {
    uint32_t node;
    int64_t spread;
} rsi_why_user;

/* Start with {.node = RS_NO_NODE}; rsi_why_free frees what it owns. */
typedef struct rsi_why {
    char *type; /* owned */
    rs_text id;
    rs_run_id run;
    uint32_t node;
    bool store_changed;    /* since the run */
    const rs_graph *graph; /* lent, as the lists are */
    const rs_list *blacklist;
    const rs_list *whitelist;
    const rs_evidence *evidence;
    rs_risk_line line;
    uint32_t ring_score; /* of the whole ring */
    uint32_t membership;
    rs_role role;
    size_t ring_members;
    rs_explanation spread;
    rs_odd_count odd[RSI_WHY_ODD_MAX];
    size_t odd_count;
    rsi_why_relation *relations; /* owned */
    size_t relation_count;
    rsi_why_user users[RSI_WHY_USERS_MAX]; /* of a thing: those with the largest spread */
    size_t user_count;
    uint64_t users_in_all;
    rs_ids *ids; /* owned: seeds, nodes of paths, users */
} rsi_why;

/* Fill relations and, for a thing, users: one pass over the relations of its type. `spread` has an
 * entry a node. */
RS_MUST_USE rs_status rsi_why_count(rsi_why *why, const int64_t *spread, rs_error *err);
/* The strongest evidence link between two nodes of a path, or NULL: another relation ties them. */
const rs_link *rsi_why_link(const rsi_why *why, uint32_t a, uint32_t b);
RS_MUST_USE rs_status rsi_why_print(FILE *out, const rsi_why *why, rs_error *err);
RS_MUST_USE rs_status rsi_why_print_json(FILE *out, const rsi_why *why, rs_error *err);
void rsi_why_free(rsi_why *why);

#endif
