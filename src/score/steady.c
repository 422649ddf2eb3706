/* steady.c - rings -> communities of the collapsed evidence, those cut again, and back.
 *
 * A ring is a community, trimmed: what comes back or not is the community. Accounts that verified
 * identities alone make a group are no part of a cut, and have no stability.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "score/steady.h"

#include <assert.h>
#include <stdlib.h>

#include "base/try.h"

static bool is_one_person(const rsi_scorer *s, const rs_ring *ring)
{
    const rs_ring_member *members = s->out->members + ring->member_first;
    const uint32_t *entity = s->input->evidence->entity;
    for (size_t i = 1; i < ring->member_count; i++) {
        if (entity[members[i].node] != entity[members[0].node]) {
            return false;
        }
    }
    return true;
}

rs_status rsi_steady_find(const rsi_scorer *s, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_evidence_graph *g = s->input->collapsed;
    const rs_link_graph links = {g->node_count, g->is_member, g->link_count, g->a, g->b, g->weight};
    rs_ring *rings = s->out->rings;
    size_t most = s->options->steady_max;
    size_t first_count = s->out->ring_count < most ? s->out->ring_count : most;
    uint32_t *community = malloc((first_count + 1) * sizeof *community);
    uint32_t *came_back = malloc((first_count + 1) * sizeof *came_back);
    size_t *ring = malloc((first_count + 1) * sizeof *ring); /* of each community */
    uint32_t *resolution = malloc((first_count + 1) * sizeof *resolution);
    rs_steady_options options = {.communities = community,
                                 .resolutions = resolution,
                                 .rerun_count = RS_STEADY_RERUNS,
                                 .drop = RS_STEADY_DROP,
                                 .random_seed = 1};
    if (community == NULL || came_back == NULL || ring == NULL || resolution == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu rings that come back)", first_count);
        goto done;
    }
    for (size_t i = 0; i < s->out->ring_count; i++) {
        rings[i].stability = RS_NO_STABILITY;
        if (i < first_count && !is_one_person(s, &rings[i])) {
            uint32_t member = s->out->members[rings[i].member_first].node;
            uint32_t vertex = s->vertex[member];
            assert(vertex < g->node_count); /* several persons are a group by their links alone */
            ring[options.community_count] = i;
            resolution[options.community_count] =
                rsi_resolution_of(s->input, &s->candidates, s->candidates.of[member]);
            community[options.community_count++] = s->input->label[vertex];
        }
    }
    if (options.community_count > 0) {
        RS_TRY(rs_detect_steady(&links, s->input->label, &options, work, came_back, err));
    }
    for (size_t i = 0; i < options.community_count; i++) {
        if (came_back[i] != RS_STEADY_UNKNOWN) {
            rings[ring[i]].stability = came_back[i] * (RS_MILLION / RS_STEADY_RERUNS);
        }
    }
done:
    free(ring);
    free(came_back);
    free(community);
    free(resolution);
    return status;
}
