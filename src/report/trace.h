/* trace.h - what a run keeps to explain any of its nodes later, without the store.
 *
 * network.bin holds, of the network that risk spread over, the links that bring each node most of
 * its risk, what ties their ends, and where in risks.csv each node stands; counts.bin the relations
 * of each subject, and its counts that are out of the ordinary.
 *
 * What risks.csv tells (ids, risks, rings) is read there. Both files are files of pages (pages.h);
 * docs/REPORT.md lists their sections. They are written while the run has what goes into them in
 * memory, into the folder that becomes the run when it is kept. Equal runs write equal bytes,
 * whatever the threads.
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
#include "ringscope/report.h"
#include "ringscope/score.h"
#include "score/columns.h"

/* Sections of network.bin, in the order in which they are written: what was found comes last. */
enum {
    RSI_TRACE_ROWS = 1,
    RSI_TRACE_LINKS,
    RSI_TRACE_META,
    RSI_TRACE_USERS = 16, /* + relation */
    RSI_TRACE_RINGS = 32768,
    RSI_TRACE_MEMBERS,
    RSI_TRACE_BLACK,
    RSI_TRACE_WHITE,
    RSI_TRACE_NAMES,
    RSI_TRACE_LINES,
};
/* Sections of counts.bin: + column; + 2 * relation, + 1 for the end dst; names of columns. */
enum {
    RSI_TRACE_ODD = 16,
    RSI_TRACE_SIDES = 32768,
    RSI_TRACE_COLUMNS = RSI_PAGES_SECTIONS_MAX - 1
};

enum {
    RSI_TRACE_ROWS_PAGE = 64,   /* nodes of a page of rows */
    RSI_TRACE_PAGE = 256,       /* subjects, entries, pieces, ... of any other page */
    RSI_TRACE_ODD_PAGE = 4096,  /* subjects of a page of odd counts */
    RSI_TRACE_USERS_MAX = 10,   /* of a thing: those with the largest spread */
    RSI_TRACE_TOLD = 500,       /* of a thing with a lower risk (millionths) no users are kept */
    RSI_TRACE_ODD_MAX = 100000, /* a count that more subjects have (millionths) is not kept */
    RSI_TRACE_ROWS_HEAD = 8,    /* bytes at the head of a page of rows */
    RSI_TRACE_LINKS_HEAD = 8,
    RSI_TRACE_ODD_HEAD = 8,
};

/* What identifies both files: the run, and so all that it was made from, and how many kinds of
 * evidence its links could be of, which their codes are made with. */
uint64_t rsi_trace_identity(const rs_run_id *id);

/* ---- writing --------------------------------------------------------------------------------- */

typedef struct rsi_trace rsi_trace;

/* Begin a run of the store, its inputs and both files in it. RS_EIO, RS_ENOMEM, RS_EINTERRUPTED. */
RS_MUST_USE rs_status rsi_trace_new(rsi_trace **out, const char *store_path, const rs_graph *graph,
                                    const rs_report_options *options, const rs_work *work,
                                    rs_error *err);
/* Removes what was not published. NULL is fine. */
void rsi_trace_free(rsi_trace *trace);

/* First: the network and the risk as rs_spread left it, and what ties the ends of its links. */
RS_MUST_USE rs_status rsi_trace_network(rsi_trace *trace, const rs_adjacency *adjacency,
                                        const rs_spread_options *options, const int64_t *seed,
                                        const int64_t *risk, const rs_evidence *evidence,
                                        rs_error *err);
/* For rsi_oddity's columns, with the trace as context, and then what was counted of all relations;
 * beside the other calls, from one thread. */
RS_MUST_USE rs_status rsi_trace_column(void *trace, const char *name, unsigned decimals,
                                       const int64_t *values, const uint32_t *at_least,
                                       rs_error *err);
RS_MUST_USE rs_status rsi_trace_counts(rsi_trace *trace, const rsi_numbers *numbers, rs_error *err);

/* Last: what was found. `risk` as rs_network_things left it. */
typedef struct rsi_trace_end {
    const rs_evidence *evidence;
    const int64_t *risk;
    const rs_findings *findings;
    uint32_t min_score; /* rings below have no name */
    const rs_list *blacklist;
    const rs_list *whitelist;
} rsi_trace_end;
RS_MUST_USE rs_status rsi_trace_finish(rsi_trace *trace, const rsi_trace_end *end, rs_error *err);

/* The folder of the run, for its other files. */
const rsi_making *rsi_trace_folder(const rsi_trace *trace);
const rsi_run_inputs *rsi_trace_inputs(const rsi_trace *trace);
/* Pieces of a file of risks. */
size_t rsi_trace_piece_count(uint32_t nodes);
/* Where each piece stands in the file `risks` (piece_ends as rsi_risks_write made them), and the
 * end of both files; then what is noted of them. */
RS_MUST_USE rs_status rsi_trace_keep(rsi_trace *trace, const rs_findings *findings,
                                     const uint64_t *piece_ends, const char *risks,
                                     rsi_file_note notes[RSI_RUN_FILES], rs_error *err);

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

/* What a run found of a node. */
typedef struct rsi_traced_finding {
    rs_risk_line line;
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
/* RS_NO_NODE where the run had no such node, or found nothing of it: a thing without a risk. */
RS_MUST_USE rs_status rsi_traced_find(rsi_traced *traced, rs_text type, rs_text id, uint32_t *node,
                                      rs_error *err);
/* The names of many nodes will be asked for, one after the other: the system may read them at once.
 * First for all of them where names are, then what is there. */
void rsi_traced_expect_place(rsi_traced *traced, uint32_t node);
void rsi_traced_expect_id(rsi_traced *traced, uint32_t node);
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
/* Edges and distinct peers of a subject at one end (0 src, 1 dst) of a relation, edges with itself
 * left out; zeros where it is not of that type. */
RS_MUST_USE rs_status rsi_traced_side(rsi_traced *traced, size_t relation, int end, uint32_t node,
                                      uint64_t *edges, uint64_t *peers, rs_error *err);
/* Of a thing: how many subjects use it through a relation, in how many events, and those of the
 * largest spread; zeros where that was not kept. */
typedef struct rsi_traced_uses {
    uint64_t users;
    uint64_t events;
    uint32_t largest[RSI_TRACE_USERS_MAX];
    size_t largest_count;
} rsi_traced_uses;
RS_MUST_USE rs_status rsi_traced_uses_of(rsi_traced *traced, size_t relation, uint32_t thing,
                                         rsi_traced_uses *out, rs_error *err);
/* As rs_oddity_explain, of the counts that were kept. */
RS_MUST_USE rs_status rsi_traced_odd(rsi_traced *traced, uint32_t subject, rs_odd_count *out,
                                     size_t capacity, size_t *count, rs_error *err);

#endif
