/* evidence.h - relations -> evidence links: coincidences that chance does not explain.
 *
 * A link joins two subjects, or a subject and a thing that many share (linear in size: a thing of d
 * users is d links, not d * d). It carries its kind, its weight and the thing behind it. The kinds
 * stand in one table (src/evidence/kinds.c), one file each.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RINGSCOPE_EVIDENCE_H
#define RINGSCOPE_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "graph.h"
#include "work.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One coincidence. a < b; both are nodes of the graph; b (never a) may be a thing. */
typedef struct rs_link {
    uint32_t a;
    uint32_t b;
    uint32_t thing;    /* what is shared, acted on, paid to; a subject for some kinds */
    uint16_t kind;     /* index in the table of kinds */
    uint16_t relation; /* of the store */
    uint32_t weight;   /* surprise; 1 << 20 is 1.0 */
    uint32_t users;    /* of the thing, all of them */
} rs_link;

/* A thing so common that sharing it says nothing. */
typedef struct rs_hub {
    uint32_t thing;
    uint16_t relation;
    uint16_t kind;
    uint32_t user_count;
} rs_hub;

typedef struct rs_evidence {
    size_t link_count;
    rs_link *links; /* ascending by (a, b), then by relation, kind and thing */
    size_t hub_count;
    rs_hub *hubs; /* descending by user_count, ties by thing */
    /* Hard links: entity[v] is the smallest subject that is the same person as subject v; v itself
     * for most. subject_count entries. */
    uint32_t *entity;
    /* How surprising it is whom each subject meets where it acts without times, in ln N; 1 << 20,
     * 1.0, is the most. NULL where nothing is known of that. */
    uint32_t *company;
    /* Who uses which thing, by relation of the store; empty where a relation ties no things. */
    size_t relation_count;
    rs_groups *groups;
    /* What subjects do in time, by relation; empty where a relation tells nothing of it. Large:
     * rs_evidence_forget_times frees it before the rest. */
    rs_timeline *timelines;
} rs_evidence;

typedef struct rs_evidence_options {
    uint32_t
        pairs_max; /* a thing of up to so many users links them pairwise, beyond it is a node */
    uint32_t
        resolution; /* of the cut that follows (1 << 20 is 1.0): what it cannot hold is a hub */
    uint32_t identity_max;    /* a hard identity of more users makes nobody one person */
    uint32_t window_s;        /* how near two uses of a place or two acts are "at the same time" */
    uint32_t pass_window_s;   /* how long money may rest before it is passed on */
    uint32_t content_jaccard; /* texts that share so much of what either has are one; 1 << 20: 1 */
} rs_evidence_options;
#define RS_WEIGHT_HALF             (UINT32_C(1) << 19)
#define RS_RESOLUTION_DEFAULT      ((UINT32_C(1) << 20) / 50)
#define RS_CONTENT_JACCARD_DEFAULT ((UINT32_C(1) << 20) * 7 / 10)
#define RS_EVIDENCE_DEFAULTS                                                                       \
    {                                                                                              \
        .pairs_max = 5, .resolution = RS_RESOLUTION_DEFAULT, .identity_max = 20, .window_s = 900,  \
        .pass_window_s = 259200, .content_jaccard = RS_CONTENT_JACCARD_DEFAULT                     \
    }

RS_API size_t rs_evidence_kind_count(void);
RS_API const char *rs_evidence_kind_name(size_t kind);    /* "shared", "place", "window", ... */
RS_API const char *rs_evidence_kind_summary(size_t kind); /* one line */
/* Whether it is about what accounts do in time, rather than what they have. */
RS_API bool rs_evidence_kind_in_time(size_t kind);
/* Whether few data have any of it: reports count it only where it was found. */
RS_API bool rs_evidence_kind_rare(size_t kind);
/* Whether it has something to look at in any relation of the graph. */
RS_API bool rs_evidence_kind_reads(const rs_graph *graph, size_t kind);

RS_API RS_MUST_USE rs_status rs_evidence_find(const rs_graph *graph,
                                              const rs_evidence_options *options,
                                              const rs_work *work, rs_evidence *out, rs_error *err);
RS_API void rs_evidence_forget_times(rs_evidence *evidence);
RS_API void rs_evidence_free(rs_evidence *evidence);

/* Chain the subjects of each entity, ascending: next[v] is the one after v, RS_NO_NODE at the end.
 * Start at the smallest, which is its own entity. Both arrays have subject_count entries.
 * O(subjects). */
RS_API void rs_entity_chains(const uint32_t *entity, uint32_t subject_count, uint32_t *next);

/* The weight of a thing that `users` of `subjects` accounts use: ln(N/d)/ln N, damped for large d,
 * half for a place; 0 where it says nothing. 1 << 20 is 1.0. O(1). */
RS_API uint32_t rs_thing_weight(uint64_t subjects, uint64_t users, bool place);
/* ln(N/d)/ln N alone: how rare it is that a given account uses it. 1 << 20 is 1.0. */
RS_API uint32_t rs_thing_rarity(uint64_t subjects, uint64_t users);
/* Whether a thing of that weight and so many users is a hub at this resolution. */
RS_API bool rs_thing_is_hub(uint32_t weight, uint64_t users, uint32_t resolution);

/* ---- the evidence as one weighted graph, for detection and propagation ------------------------
 */

/* Nodes that a link touches, entities for subjects, ascending; what one household explains (the
 * same pair by several relations) counts as one coincidence and 0.15 of the others. */
typedef struct rs_evidence_graph {
    uint32_t node_count;
    uint32_t *nodes; /* node of the rs_graph; for a subject the smallest of its entity */
    uint8_t *is_member;
    size_t link_count;
    uint32_t *a, *b, *weight; /* as detect.h's rs_link_graph wants them */
} rs_evidence_graph;
RS_API RS_MUST_USE rs_status rs_evidence_collapse(const rs_graph *graph,
                                                  const rs_evidence *evidence,
                                                  rs_evidence_graph *out, rs_error *err);
RS_API void rs_evidence_graph_free(rs_evidence_graph *graph);

#ifdef __cplusplus
}
#endif
#endif
