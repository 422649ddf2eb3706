/* hold.c - members -> nodes of the collapsed evidence, their communities cut again, and back.
 *
 * Memory: 8 bytes a node of the collapsed evidence, and what detect.h says.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "score/hold.h"

#include <stdlib.h>
#include <string.h>

#include "base/try.h"

/* label[v]: its community where that is of a group that scores enough, else itself. `wanted` is
 * scratch. */
static void choose_communities(const rsi_scorer *s, uint32_t *label, uint32_t *wanted)
{
    const rsi_candidates *c = &s->candidates;
    const uint32_t *community = s->input->label;
    uint32_t nodes = s->input->collapsed->node_count;
    memset(wanted, 0, nodes * sizeof *wanted); /* by community */
    for (size_t g = 0; g < c->count; g++) {
        for (size_t k = c->first[g]; k < c->first[g + 1] && s->score[g] >= RSI_HOLD_SCORE; k++) {
            uint32_t v = s->vertex[c->members[k]];
            if (v != RSI_NO_VERTEX) {
                wanted[community[v]] = 1;
            }
        }
    }
    for (uint32_t v = 0; v < nodes; v++) {
        label[v] = wanted[community[v]] != 0 ? community[v] : v;
    }
}

rs_status rsi_hold_find(rsi_scorer *s, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_evidence_graph *g = s->input->collapsed;
    const rsi_candidates *c = &s->candidates;
    const rs_link_graph links = {g->node_count, g->is_member, g->link_count, g->a, g->b, g->weight};
    size_t nodes = (size_t)g->node_count + 1;
    size_t members = c->first[c->count];
    uint32_t *label = malloc(nodes * sizeof *label);
    uint32_t *hold = malloc(nodes * sizeof *hold); /* by node */
    s->hold = malloc((members + 1) * sizeof *s->hold);
    if (label == NULL || hold == NULL || s->hold == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu nodes to hold)", nodes);
        goto done;
    }
    choose_communities(s, label, hold);
    RS_TRY(rs_detect_hold(&links, label, s->input->resolution, work, hold, err));
    for (size_t k = 0; k < members; k++) {
        uint32_t v = s->vertex[c->members[k]];
        s->hold[k] = v != RSI_NO_VERTEX ? hold[v] : RS_HOLD_ONE;
    }
done:
    free(label);
    free(hold);
    return status;
}
