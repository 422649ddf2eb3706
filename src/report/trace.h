/* trace.h - what a run keeps to explain any of its nodes later, without the store.
 *
 *     network.bin   the network that risk spread over, the ids, and what the run found of each node
 *     counts.bin    the counts of each subject, and how usual each value is
 *
 * Both are files of pages (pages.h); docs/REPORT.md lists their sections. They are written while
 * the run has what goes into them in memory, into the folder that becomes the run when it is kept.
 * Equal runs write equal bytes, whatever the threads.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_REPORT_TRACE_H
#define RSI_REPORT_TRACE_H

#include "propagate/view.h"
#include "report/pages.h"
#include "report/runs.h"
#include "ringscope/evidence.h"
#include "ringscope/graph.h"
#include "ringscope/lists.h"
#include "ringscope/propagate.h"
#include "ringscope/score.h"

/* Sections of network.bin, in the order in which they are written: what was found comes last. */
enum {
    RSI_TRACE_ROWS = 1,
    RSI_TRACE_NODES,
    RSI_TRACE_META,
    RSI_TRACE_IDS,
    RSI_TRACE_LINKS,
    RSI_TRACE_SIDES = 1024,  /* + 2 * relation, + 1 for the end dst */
    RSI_TRACE_USERS = 16384, /* + range */
    RSI_TRACE_FINDINGS = 32768,
    RSI_TRACE_RINGS,
    RSI_TRACE_BLACK,
    RSI_TRACE_WHITE
};
/* Sections of counts.bin: names of columns; + 2 * column its values, + 1 its tails. */
enum { RSI_TRACE_VALUES = 16, RSI_TRACE_COLUMNS = RSI_PAGES_SECTIONS_MAX - 1 };

enum {
    RSI_TRACE_ROWS_PAGE = 64,     /* nodes of a page of rows */
    RSI_TRACE_PAGE = 256,         /* nodes, ids, ... of any other page */
    RSI_TRACE_COUNTS_PAGE = 1024, /* subjects of a page of counts */
    RSI_TRACE_TAILS_PAGE = 2048,
    RSI_TRACE_USERS_MAX = 10, /* of a thing: those with the largest spread */
    RSI_TRACE_ROWS_BYTES = 8, /* at the head of a page of rows */
    RSI_TRACE_NODE_BYTES = 3, /* at the head of a page of nodes: bits of each of its numbers */
};

/* What identifies both files: what the run looked at. */
uint64_t rsi_trace_identity(const char *store_digest, int64_t as_of);

/* ---- writing --------------------------------------------------------------------------------- */

typedef struct rsi_trace rsi_trace;

/* Begin a run of the store, and both files in it. RS_EIO, RS_ENOMEM, RS_EINTERRUPTED. */
RS_MUST_USE rs_status rsi_trace_new(rsi_trace **out, const char *store_path, const rs_graph *graph,
                                    const rs_work *work, rs_error *err);
/* Removes what was not published. NULL is fine. */
void rsi_trace_free(rsi_trace *trace);

/* First: the network and the risk as rs_spread left it. */
RS_MUST_USE rs_status rsi_trace_network(rsi_trace *trace, const rs_adjacency *adjacency,
                                        const rs_spread_options *options, const int64_t *seed,
                                        const int64_t *risk, rs_error *err);
/* For rs_oddity's columns, with the trace as context; beside the other calls, from one thread. */
RS_MUST_USE rs_status rsi_trace_column(void *trace, const char *name, unsigned decimals,
                                       const int64_t *values, rs_error *err);

/* Second, beside whatever else reads the graph and the evidence: the ids, links, relations and
 * users of every node. `risk` as for rsi_trace_network. */
RS_MUST_USE rs_status rsi_trace_nodes(rsi_trace *trace, const rs_evidence *evidence,
                                      const int64_t *risk, const rs_work *work, rs_error *err);

/* Last: what was found. */
typedef struct rsi_trace_end {
    const rs_findings *findings;
    uint32_t min_score; /* rings below have no name */
    const rs_list *blacklist;
    const rs_list *whitelist;
} rsi_trace_end;
RS_MUST_USE rs_status rsi_trace_finish(rsi_trace *trace, const rsi_trace_end *end, rs_error *err);
/* The folder of the run, for its other files; and what is noted of both files, once finished. */
const rsi_making *rsi_trace_folder(const rsi_trace *trace);
void rsi_trace_note(const rsi_trace *trace, rsi_file_note notes[RSI_RUN_FILES]);

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct rsi_traced rsi_traced; /* belongs to one thread */

/* A relation as the run saw it. */
typedef struct rsi_traced_relation {
    const char *label; /* as the report calls it */
    const char *name;
    const char *src_type;
    const char *dst_type;
    uint32_t src_range;
    uint32_t dst_range;
} rsi_traced_relation;

/* Evidence between two nodes. */
typedef struct rsi_traced_link {
    uint16_t kind;
    uint16_t relation;
    uint32_t thing; /* RS_NO_NODE: none */
} rsi_traced_link;

typedef struct rsi_traced_finding {
    uint32_t risk, spread, oddity, ring_score; /* as in a line of risks */
    char ring[16];
    uint32_t ring_whole; /* score of the ring */
    uint32_t ring_members;
    uint32_t membership;
    rs_role role;
} rsi_traced_finding;

/* Open the trace of a run. *out stays NULL where it kept none. RS_EIO, RS_ECORRUPT, RS_ENOMEM. */
RS_MUST_USE rs_status rsi_traced_open(rsi_traced **out, const char *store_path, const rs_run_id *id,
                                      rs_error *err);
void rsi_traced_close(rsi_traced *traced);
const rsi_view *rsi_traced_view(rsi_traced *traced);
rs_spread_options rsi_traced_options(const rsi_traced *traced);
uint32_t rsi_traced_subjects(const rsi_traced *traced);
size_t rsi_traced_relation_count(const rsi_traced *traced);
rsi_traced_relation rsi_traced_relation_at(const rsi_traced *traced, size_t relation);
/* Whether the relation is between subjects. */
bool rsi_traced_is_plain(const rsi_traced *traced, size_t relation);
const char *rsi_traced_type(const rsi_traced *traced, uint32_t node);
/* RS_NO_NODE where the run had no such node. */
RS_MUST_USE rs_status rsi_traced_find(rsi_traced *traced, rs_text type, rs_text id, uint32_t *node,
                                      rs_error *err);
/* Lent until the next call. */
RS_MUST_USE rs_status rsi_traced_id(rsi_traced *traced, uint32_t node, rs_text *id, rs_error *err);
RS_MUST_USE rs_status rsi_traced_finding_of(rsi_traced *traced, uint32_t node,
                                            rsi_traced_finding *out, rs_error *err);
/* *there: a link joins the two. The strongest. */
RS_MUST_USE rs_status rsi_traced_link_of(rsi_traced *traced, uint32_t a, uint32_t b, bool *there,
                                         rsi_traced_link *out, rs_error *err);
/* *there: on that list (RSI_TRACE_BLACK or RSI_TRACE_WHITE); its reason, lent until the next call.
 */
RS_MUST_USE rs_status rsi_traced_listed(rsi_traced *traced, uint32_t list, uint32_t node,
                                        bool *there, rs_text *reason, rs_error *err);
/* Edges and distinct peers of the node at one end (0 src, 1 dst) of a relation; zeros where it is
 * not of that type. */
RS_MUST_USE rs_status rsi_traced_side(rsi_traced *traced, size_t relation, int end, uint32_t node,
                                      uint64_t *edges, uint64_t *peers, rs_error *err);
/* Of a thing: how many subjects use it, and those of the largest spread. */
RS_MUST_USE rs_status rsi_traced_users(rsi_traced *traced, uint32_t node, uint64_t *in_all,
                                       uint32_t users[RSI_TRACE_USERS_MAX], size_t *count,
                                       rs_error *err);
/* As rs_oddity_explain. */
RS_MUST_USE rs_status rsi_traced_odd(rsi_traced *traced, uint32_t subject, rs_odd_count *out,
                                     size_t capacity, size_t *count, rs_error *err);

#endif
