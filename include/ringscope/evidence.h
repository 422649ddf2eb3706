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
    uint32_t thing;    /* what is shared; RS_NO_NODE where the kind has none */
    uint16_t kind;     /* index in the table of kinds */
    uint16_t relation; /* of the store */
    uint32_t weight;   /* surprise; 1 << 20 is 1.0 */
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
    rs_link *links; /* ascending by (a, b, kind, thing) */
    size_t hub_count;
    rs_hub *hubs;   /* descending by user_count, ties by thing */
    /* Hard links: entity[v] is the smallest subject that is the same person as subject v; v itself
     * for most. subject_count entries. */
    uint32_t *entity;
} rs_evidence;

typedef struct rs_evidence_options {
    uint32_t pairs_max; /* a thing of up to so many users links them pairwise, beyond it is a node */
} rs_evidence_options;
#define RS_EVIDENCE_DEFAULTS { .pairs_max = 5 }

RS_API size_t rs_evidence_kind_count(void);
RS_API const char *rs_evidence_kind_name(size_t kind);    /* "shared_device", ...: names of reasons */
RS_API const char *rs_evidence_kind_summary(size_t kind); /* one line */

RS_API RS_MUST_USE rs_status rs_evidence_find(const rs_graph *graph,
                                              const rs_evidence_options *options,
                                              const rs_work *work, rs_evidence *out, rs_error *err);
RS_API void rs_evidence_free(rs_evidence *evidence);

#ifdef __cplusplus
}
#endif
#endif
