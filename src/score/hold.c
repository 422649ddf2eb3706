/* hold.c - members -> nodes of the collapsed evidence, their communities cut again, and back.
 *
 * Memory: 12 bytes a node of the collapsed evidence, 4 a subject, and what detect.h says.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "score/hold.h"

#include <stdlib.h>
#include <string.h>

#include "base/try.h"

typedef struct holder {
    const rs_score_input *input;
    const rsi_candidates *candidates;
    uint32_t
        *vertex;     /* by subject: its entity's node of the collapsed evidence, or RSI_NO_VERTEX */
    uint32_t *label; /* by that node: its community where it is worth a look, else itself */
    uint32_t *hold;  /* by that node */
} holder;

static uint32_t vertex_of(const holder *h, uint32_t subject)
{
    return h->vertex[h->input->evidence->entity[subject]];
}

/* Communities of groups that score enough keep their labels. */
static void choose_communities(holder *h, const uint32_t *score)
{
    const rsi_candidates *c = h->candidates;
    const uint32_t *community = h->input->label;
    uint32_t nodes = h->input->collapsed->node_count;
    memset(h->hold, 0, nodes * sizeof *h->hold); /* by community: it is wanted */
    for (size_t g = 0; g < c->count; g++) {
        for (size_t k = c->first[g]; k < c->first[g + 1] && score[g] >= RSI_HOLD_SCORE; k++) {
            uint32_t v = vertex_of(h, c->members[k]);
            if (v != RSI_NO_VERTEX) {
                h->hold[community[v]] = 1;
            }
        }
    }
    for (uint32_t v = 0; v < nodes; v++) {
        h->label[v] = h->hold[community[v]] != 0 ? community[v] : v;
    }
}

rs_status rsi_hold_find(const rs_score_input *input, const rsi_candidates *candidates,
                        const uint32_t *score, const rs_work *work, uint32_t **hold, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_evidence_graph *g = input->collapsed;
    const rs_link_graph links = {g->node_count, g->is_member, g->link_count, g->a, g->b, g->weight};
    size_t nodes = (size_t)g->node_count + 1;
    size_t members = candidates->first[candidates->count];
    uint32_t *out = malloc((members + 1) * sizeof *out);
    holder h = {.input = input, .candidates = candidates};
    h.vertex = malloc(((size_t)rs_graph_subject_count(input->graph) + 1) * sizeof *h.vertex);
    h.label = malloc(nodes * sizeof *h.label);
    h.hold = malloc(nodes * sizeof *h.hold);
    if (out == NULL || h.vertex == NULL || h.label == NULL || h.hold == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu nodes to hold)", nodes);
        goto done;
    }
    rsi_vertices_map(input, h.vertex);
    choose_communities(&h, score);
    RS_TRY(rs_detect_hold(&links, h.label, input->resolution, work, h.hold, err));
    for (size_t k = 0; k < members; k++) {
        uint32_t v = vertex_of(&h, candidates->members[k]);
        out[k] = v != RSI_NO_VERTEX ? h.hold[v] : RS_HOLD_ONE;
    }
    *hold = out;
    out = NULL; /* moved to the caller */
done:
    free(out);
    free(h.vertex);
    free(h.label);
    free(h.hold);
    return status;
}

uint32_t rsi_collapsed_node(const rs_score_input *input, uint32_t subject)
{
    const rs_evidence_graph *g = input->collapsed;
    uint32_t entity = input->evidence->entity[subject];
    uint32_t low = 0;
    uint32_t high = g->node_count;
    while (low < high) { /* nodes ascend */
        uint32_t middle = low + (high - low) / 2;
        if (g->nodes[middle] < entity) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < g->node_count && g->nodes[low] == entity ? low : g->node_count;
}
