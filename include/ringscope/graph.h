/* graph.h - what a run looks at: the store's nodes in an order that does not depend on arrival, and
 * its relations as stages want them.
 *
 * Nodes    one numbering over all types: subjects' types first, then the others, each in byte order
 *          of their names; within a type by the 128-bit hash of the id, ties by the id. Equal
 *          content gives equal numbers, whatever the order of rows, batches and threads.
 * Time     edges later than as_of do not exist, nor do nodes that only such edges name; edges
 *          without a time always do, and so do nodes that no edge names
 * Life     rs_graph_open -> groups, pairs, ... as often as wanted -> rs_graph_close; the store must
 *          stay open as long
 * Memory   8 bytes a node (32 more a node of the types that are being ordered, while opening); what
 * a call returns is the caller's, freed by the matching _free, or by free where there is none
 * Threads  a graph may be used by several threads at a time, each call with a work of its own
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RINGSCOPE_GRAPH_H
#define RINGSCOPE_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "store.h"
#include "text.h"
#include "work.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rs_graph rs_graph;

typedef struct rs_graph_options {
    int64_t as_of; /* UTC seconds; RS_NO_TIME: the latest event of the store */
} rs_graph_options;
#define RS_GRAPH_DEFAULTS                                                                          \
    {                                                                                              \
        .as_of = RS_NO_TIME                                                                        \
    }

/* The nodes first .. first + count - 1 are of one type. */
typedef struct rs_node_range {
    const char *type;
    uint32_t first;
    uint32_t count;
    bool subject; /* can be a member of a ring */
} rs_node_range;

RS_API RS_MUST_USE rs_status rs_graph_open(rs_graph **out, const rs_store *store,
                                           const rs_graph_options *options, const rs_work *work,
                                           rs_error *err);
RS_API void rs_graph_close(rs_graph *graph);

RS_API const rs_store *rs_graph_store(const rs_graph *graph);
RS_API int64_t rs_graph_as_of(const rs_graph *graph); /* RS_NO_TIME where nothing has a time */
RS_API uint32_t rs_graph_node_count(const rs_graph *graph);
RS_API uint32_t rs_graph_subject_count(const rs_graph *graph); /* they are the first nodes */
RS_API size_t rs_graph_range_count(const rs_graph *graph);
RS_API rs_node_range rs_graph_range(const rs_graph *graph, size_t range);
RS_API rs_node_range rs_graph_range_of(const rs_graph *graph, uint32_t node);
/* The node of that store type and dense number (RS_NO_NODE: not there yet at as_of), and back. */
RS_API uint32_t rs_graph_node(const rs_graph *graph, size_t store_type, uint32_t dense);
RS_API uint32_t rs_graph_dense(const rs_graph *graph, uint32_t node);
/* RS_NO_NODE where the type or the id is unknown, at as_of. */
RS_API RS_MUST_USE rs_status rs_graph_find(const rs_graph *graph, const char *type, rs_text id,
                                           uint32_t *node, rs_error *err);

/* ---- who uses which thing: one relation, grouped by thing ---------------------------------- */

/* Group g is things[g] and its users entries first[g] .. first[g+1]-1, ascending, each once. */
typedef struct rs_groups {
    uint32_t count;
    uint32_t *things;
    uint64_t *first; /* count + 1 */
    uint32_t *users;
    uint32_t *events;      /* how many edges stand behind each user */
    uint64_t use_count;    /* entries of users */
    uint64_t single_count; /* things that one user alone uses: left out, they link nobody */
} rs_groups;
/* `relation` must be between a subject type and another type (either way round); else RS_EUSAGE. */
RS_API RS_MUST_USE rs_status rs_graph_groups(const rs_graph *graph, size_t relation, rs_groups *out,
                                             const rs_work *work, rs_error *err);
RS_API void rs_groups_free(rs_groups *groups);

/* ---- the same as single uses in time -------------------------------------------------------- */

typedef struct rs_use {
    uint32_t thing;
    uint32_t user;
    int64_t time;
    uint32_t precision_s;
} rs_use;
/* Uses with a time, of things with two users and more, in order of (thing, time, user). */
RS_API RS_MUST_USE rs_status rs_graph_uses(const rs_graph *graph, size_t relation, rs_use **out,
                                           size_t *count, const rs_work *work, rs_error *err);

/* ---- who is tied to whom: one relation, each pair once, either direction --------------------- */

typedef struct rs_pair {
    uint32_t a; /* src */
    uint32_t b; /* dst */
    uint32_t events;
    int64_t amount; /* sum in smallest units, RS_NO_AMOUNT where no edge has one; clamped, never
                       wraps */
    int64_t time_first;
    int64_t time_last;
} rs_pair;
/* Distinct (src, dst), ascending; pairs of a node with itself are left out. */
RS_API RS_MUST_USE rs_status rs_graph_pairs(const rs_graph *graph, size_t relation, rs_pair **out,
                                            size_t *count, const rs_work *work, rs_error *err);

/* ---- what happens in time: one relation, by doer and by target --------------------------------
 */

/* One edge with a time. `time` counts seconds from the timeline's base. */
typedef struct rs_event {
    uint32_t node;  /* the other end: dst in `out`, src in `in` */
    uint32_t event; /* `out`: the doer itself; `in`: its place in `out` */
    uint32_t time;
    uint32_t precision_s;
    int64_t amount; /* smallest units; RS_NO_AMOUNT where there is none */
} rs_event;

/* The events of one doer stand together in `out`, those of one target in `in`; both in order of
 * (time, other end, amount, precision). */
typedef struct rs_timeline {
    size_t count;
    int64_t base;                  /* UTC seconds of time 0 */
    uint32_t span_s;               /* the latest time */
    uint32_t src_first, src_count; /* nodes of the type that does */
    uint32_t dst_first, dst_count;
    uint64_t left_out;   /* edges between two nodes that are not here */
    uint32_t *out_first; /* src_count + 1, by node - src_first */
    uint32_t *in_first;  /* dst_count + 1 */
    rs_event *out;       /* NULL, and so is `in`, where the events lie in a file */
    rs_event *in;
    struct rs_timeline_file *file;
} rs_timeline;
/* Edges without a time, of a node with itself and older than 136 years are left out. One reading;
 * 48 bytes an event. Where the budget has no room for that and `work` names a folder, the lists lie
 * in a file: a reading more and one for as many doers as fit, 24 bytes an event. RS_ENOMEM beyond
 * 2^32 - 2 events. */
RS_API RS_MUST_USE rs_status rs_graph_timeline(const rs_graph *graph, size_t relation,
                                               rs_timeline *out, const rs_work *work,
                                               rs_error *err);
RS_API void rs_timeline_free(rs_timeline *timeline);
/* What it holds in memory, with the parts that a walk shows. */
RS_API uint64_t rs_timeline_memory(const rs_timeline *timeline);

/* The lists of some nodes: ranks `from` to `to` - 1, a rank being node - src_first in `out` and
 * node - dst_first in `in`. NULL: not asked for. */
typedef struct rs_timeline_part {
    const rs_timeline *line;
    uint32_t from, to;
    const rs_event *out;
    const rs_event *in;
} rs_timeline_part;
enum { RS_TIMELINE_OUT = 1, RS_TIMELINE_IN = 2 };

/* Look at the lists of all doers, of all targets or of both (of accounts that are doers and
 * targets), part by part in order of ranks: one part where all is in memory, else as many as there
 * have to be. A part is lent until `look` returns. Calls of several threads do not disturb each
 * other. RS_EIO, RS_ENOMEM, that of `look`. */
RS_API RS_MUST_USE rs_status rs_timeline_each(const rs_timeline *timeline, unsigned ends,
                                              rs_status (*look)(void *context,
                                                                const rs_timeline_part *part,
                                                                rs_error *err),
                                              void *context, rs_error *err);

static inline const rs_event *rs_part_out(const rs_timeline_part *part, uint32_t rank)
{
    return part->out + (part->line->out_first[rank] - part->line->out_first[part->from]);
}

static inline const rs_event *rs_part_in(const rs_timeline_part *part, uint32_t rank)
{
    return part->in + (part->line->in_first[rank] - part->line->in_first[part->from]);
}

/* How many events a doer has, and a target; by rank. */
static inline uint32_t rs_out_count(const rs_timeline *line, uint32_t rank)
{
    return line->out_first[rank + 1] - line->out_first[rank];
}

static inline uint32_t rs_in_count(const rs_timeline *line, uint32_t rank)
{
    return line->in_first[rank + 1] - line->in_first[rank];
}

/* ---- what each subject does: one relation in numbers ------------------------------------------
 */

/* A sum of amounts, exact: high * 2^64 + low. high INT64_MIN: nothing was added. */
typedef struct rs_sum {
    int64_t high;
    uint64_t low;
} rs_sum;

/* Arrays of `count` entries, one for each subject node; 0 for a subject that has none. Edges of a
 * node with itself are left out. What makes no sense is NULL: src_ where the relation does not
 * start at a subject type, dst_ where it does not end at one, amounts where no edge has one. */
typedef struct rs_counts {
    uint32_t count;      /* rs_graph_subject_count */
    uint32_t *src_peers; /* distinct other ends where the node is src */
    uint32_t *dst_peers; /* distinct other ends where the node is dst */
    uint64_t *src_edges; /* edges where the node is src */
    uint64_t *dst_edges;
    int64_t *src_amount; /* sum of amounts where the node is src; clamped, never wraps */
    int64_t *dst_amount;
    rs_sum *src_sum; /* the same sums unclamped, where one had to be clamped; else NULL */
    rs_sum *dst_sum;
    uint32_t *shared_things; /* things that another subject uses too; NULL unless things are tied */
} rs_counts;
/* Any relation; one between two types of things gives nothing but NULLs. Three readings. */
RS_API RS_MUST_USE rs_status rs_graph_counts(const rs_graph *graph, size_t relation, rs_counts *out,
                                             const rs_work *work, rs_error *err);
RS_API void rs_counts_free(rs_counts *counts);

/* The largest things that each subject did at once. Arrays as in rs_counts; amounts count by size,
 * a negative one as 0; a day is a UTC day, and an edge without a time belongs to none. */
typedef struct rs_peaks {
    uint32_t count;
    uint32_t *src_day_edges; /* most edges of one day where the node is src; NULL without times */
    uint32_t *dst_day_edges;
    int64_t *src_amount; /* largest single amount; NULL without amounts */
    int64_t *dst_amount;
    int64_t *src_day_amount; /* largest sum of one day; NULL without times or amounts */
    int64_t *dst_day_amount;
} rs_peaks;
/* Two readings; 12 bytes an edge and end while it works. */
RS_API RS_MUST_USE rs_status rs_graph_peaks(const rs_graph *graph, size_t relation, rs_peaks *out,
                                            const rs_work *work, rs_error *err);
RS_API void rs_peaks_free(rs_peaks *peaks);

/* Both of a timeline that left nothing out, without a reading; subjects are dealt to the threads.
 * RS_ENOMEM. O(events). */
RS_API RS_MUST_USE rs_status rs_timeline_counts(const rs_graph *graph, const rs_timeline *timeline,
                                                rs_counts *counts, rs_peaks *peaks,
                                                const rs_work *work, rs_error *err);

/* ---- what hangs together ----------------------------------------------------------------------
 */

/* Connected components of all nodes of a store, whatever their types, over all relations. */
typedef struct rs_component_counts {
    uint64_t node_count;
    uint64_t component_count; /* nodes that nothing ties to another are components too */
    uint64_t single_count;    /* these */
    uint64_t largest;         /* nodes of the largest */
} rs_component_counts;
/* One streamed reading of each relation, relations side by side; no rs_graph is needed. 8 bytes a
 * node. RS_ENOMEM, RS_EINTERRUPTED, the store's. */
RS_API RS_MUST_USE rs_status rs_store_components(const rs_store *store, const rs_work *work,
                                                 rs_component_counts *out, rs_error *err);

/* ---- ids ------------------------------------------------------------------------------------ */

/* The ids of some nodes, in memory. */
typedef struct rs_ids rs_ids;
/* `wanted` has one byte a node, not 0 where the id is wanted. One pass over the dictionary. */
RS_API RS_MUST_USE rs_status rs_graph_ids(const rs_graph *graph, const uint8_t *wanted,
                                          rs_ids **out, rs_error *err);
/* Lent until rs_ids_free; length 0 and bytes "" for a node that was not wanted. */
RS_API rs_text rs_ids_of(const rs_ids *ids, uint32_t node);
/* Ask memory for what rs_ids_of will look up: soon for `near`, which was `far` before, and later
 * for `far`. Both are nodes of the graph. */
RS_API void rs_ids_expect(const rs_ids *ids, uint32_t far, uint32_t near);
RS_API void rs_ids_free(rs_ids *ids);

#ifdef __cplusplus
}
#endif
#endif
