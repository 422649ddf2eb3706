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

enum { RSI_WHY_ODD_MAX = 8, RSI_WHY_USERS_MAX = 10, RSI_WHY_PATHS = 8, RSI_WHY_STEPS = 11 };

/* One relation of the node, seen from one of its two ends. */
typedef struct rsi_why_relation {
    char *label; /* as the report calls it; owned */
    const char *other_type;
    bool from; /* the node is where the relation starts */
    uint64_t edge_count;
    uint64_t peer_count; /* distinct */
} rsi_why_relation;

/* A subject that uses the thing, and the spread that it has. */
typedef struct rsi_why_user {
    uint32_t node;
    int64_t spread;
} rsi_why_user;

/* A node that the explanation names. */
typedef struct rsi_why_node {
    uint32_t node;
    const char *type;
    char *id; /* owned, NUL behind it */
    size_t id_length;
    const char *list; /* "blacklisted", "whitelisted" or NULL */
    char *reason;     /* of the listing; owned */
} rsi_why_node;

/* What ties two nodes of a path that follow one another. */
typedef struct rsi_why_tie {
    const char *kind; /* of evidence; NULL: another relation */
    char *label;      /* of its relation; NULL: none; owned */
    uint32_t thing;   /* RS_NO_NODE: none */
} rsi_why_tie;

/* Start with {.node = RS_NO_NODE}; rsi_why_free frees what it owns. */
typedef struct rsi_why {
    char *type; /* owned */
    rs_text id;
    rs_run_id run;
    char model[33]; /* digest of the run's model, whose answer the risk is; "": of none */
    uint32_t node;
    uint32_t subjects;  /* nodes below are subjects */
    bool store_changed; /* since the run */
    bool from_store;    /* the network was built from the store as it is now */
    bool kept_none;     /* because the run kept none */
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
    char *plain; /* the name of the relations between subjects where they have but one, NULL where
                  * they have several, "" where there is none; owned */
    rsi_why_user users[RSI_WHY_USERS_MAX]; /* of a thing: those with the largest spread */
    size_t user_count;
    uint64_t users_in_all;                          /* of the relation that ties most to it */
    rsi_why_tie ties[RSI_WHY_PATHS][RSI_WHY_STEPS]; /* of the spread's paths */
    rsi_why_node *nodes; /* the node, seeds, paths and what ties them, users; owned */
    size_t node_count;
    /* What the other fields were lent by, and goes with them: one of the two is NULL. */
    struct rsi_traced *traced;
    struct rsi_stages *stages;
} rsi_why;

/* Fill all of it from what the run kept. *done is false, and nothing filled, where it kept none.
 * `store` is asked for things that the run found no risk for. */
RS_MUST_USE rs_status rsi_why_from_run(rsi_why *why, const char *store_path, const rs_store *store,
                                       bool *done, rs_error *err);
/* The same by building the network again from the store as it is now. */
RS_MUST_USE rs_status rsi_why_from_store(rsi_why *why, const char *store_path, const rs_work *work,
                                         rs_error *err);

/* ---- for both of them ------------------------------------------------------------------------ */

/* How fine a push explains a risk: within an eight-thousandth of it. */
double rsi_why_tolerance(int64_t risk);
/* Put the nodes to be named into why->nodes, each once; ties and users are filled. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_why_gather(rsi_why *why, rs_error *err);
/* Put a user among the listed ones: by spread, ties by node, each once. */
void rsi_why_keep_user(rsi_why *why, rsi_why_user user);
/* Note the name of one more relation between subjects in why->plain; `first` says that it is the
 * first. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_why_add_plain(rsi_why *why, const char *name, bool first, rs_error *err);
/* The node's entry, or NULL. */
const rsi_why_node *rsi_why_named(const rsi_why *why, uint32_t node);
RS_MUST_USE rs_status rsi_why_copy(char **out, const char *bytes, size_t length, rs_error *err);

RS_MUST_USE rs_status rsi_why_print(FILE *out, const rsi_why *why, rs_error *err);
RS_MUST_USE rs_status rsi_why_print_json(FILE *out, const rsi_why *why, rs_error *err);
void rsi_why_free(rsi_why *why);

#endif
