/* shared.c - one pass that remembers, for each thing, its only user so far.
 *
 * Invariant: until groups are laid out, `group` of a thing is NOBODY, the one user seen, or SEVERAL
 * from the second user on; the count beside it says how many slots its edges take, known exactly
 * before any is filled.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "graph/shared.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/try.h"

/* No dense number: things and users together are fewer than RS_NO_NODE, and both exist. */
#define NOBODY  RS_NO_NODE
#define SEVERAL (RS_NO_NODE - 1)

bool rsi_joins_things(const rs_graph *graph, size_t relation)
{
    rs_relation_info info = rs_store_relation(graph->store, relation);
    return rsi_graph_type(graph, info.src_type)->subject !=
           rsi_graph_type(graph, info.dst_type)->subject;
}

static rs_status check_relation(const rs_graph *graph, size_t relation, rs_error *err)
{
    if (rsi_joins_things(graph, relation)) {
        return RS_OK;
    }
    rs_relation_info info = rs_store_relation(graph->store, relation);
    const rs_node_range *src = rsi_graph_type(graph, info.src_type);
    return rs_fail(err, RS_EUSAGE,
                   "relation \"%s\" joins \"%s\" and \"%s\": expected a subject type and another, "
                   "found %s",
                   info.name, src->type, rsi_graph_type(graph, info.dst_type)->type,
                   src->subject ? "two subject types" : "no subject type");
}

/* What one pass over the edges carries along. */
typedef struct use_survey {
    rsi_shared *shared;
    rsi_slot slot;
    uint32_t last_thing; /* edge before this one */
    uint32_t last_user;
    bool overflow; /* a thing with 2^32 slots */
} use_survey;

static void survey_run(use_survey *survey, const rs_edges *run, const uint32_t *things,
                       const uint32_t *users)
{
    enum { AHEAD = 16 }; /* things come at random: each is asked for before its turn */
    for (size_t i = 0; i < run->count; i++) {
        if (i + AHEAD < run->count) {
            __builtin_prefetch(&survey->shared->seen[things[i + AHEAD]], 1);
        }
        uint32_t thing = things[i];
        uint32_t user = users[i];
        rsi_thing *seen = &survey->shared->seen[thing];
        if (seen->group != user) {
            seen->group = seen->group == NOBODY ? user : SEVERAL;
        }
        seen->slots += survey->slot == RSI_SLOT_USER
                           ? thing != survey->last_thing || user != survey->last_user
                           : run->time != NULL && run->time[i] != RS_NO_TIME;
        survey->overflow |= seen->slots == UINT32_MAX;
        survey->last_thing = thing;
        survey->last_user = user;
    }
}

static rs_status survey_edges(use_survey *survey, rsi_edge_stream *stream, bool thing_is_src,
                              rs_error *err)
{
    rs_status status = RS_OK;
    rs_edges run = {0};
    do {
        RS_TRY(rsi_edge_stream_next(stream, &run, err));
        survey_run(survey, &run, thing_is_src ? run.src : run.dst,
                   thing_is_src ? run.dst : run.src);
    } while (run.count > 0);
    if (survey->overflow) {
        status = rs_fail(err, RS_ENOMEM, "relation \"%s\": a thing with more than %" PRIu32 " uses",
                         stream->relation.name, UINT32_MAX - 1);
    }
done:
    return status;
}

static void count_things(rsi_shared *shared, const rsi_end *thing, const rsi_end *user,
                         uint32_t *singles)
{
    for (uint32_t dense = 0; dense < thing->dense_count; dense++) {
        uint32_t only = shared->seen[dense].group;
        if (only == SEVERAL) {
            shared->count++;
        } else if (only != NOBODY) {
            shared->single_count++;
            if (singles != NULL) {
                singles[user->node_of[only]]++;
            }
        }
    }
}

/* Groups in order of their things' nodes. */
static void lay_out_groups(rsi_shared *shared, const rs_graph *graph, const rs_node_range *things)
{
    uint32_t group = 0;
    for (uint32_t node = things->first; node < things->first + things->count; node++) {
        rsi_thing *thing = &shared->seen[graph->dense_of[node]];
        if (thing->group != SEVERAL) {
            thing->group = RS_NO_NODE;
            continue;
        }
        thing->group = group;
        shared->things[group] = node;
        shared->first[group + 1] = shared->slot_count;
        shared->slot_count += thing->slots;
        group++;
    }
}

static rs_status make_seen(rsi_shared *shared, uint32_t things, rs_error *err)
{
    rs_status status = rsi_graph_array(&shared->seen, things, sizeof *shared->seen, err);
    for (uint32_t i = 0; status == RS_OK && i < things; i++) {
        shared->seen[i].group = NOBODY;
    }
    return status;
}

rs_status rsi_shared_find(rsi_shared *shared, const rs_graph *graph, size_t relation, rsi_slot slot,
                          uint32_t *singles, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_edge_stream stream = {0};
    use_survey survey = {.shared = shared, .slot = slot, .last_thing = NOBODY, .last_user = NOBODY};
    *shared = (rsi_shared){0};
    RS_TRY(check_relation(graph, relation, err));
    RS_TRY(rsi_edge_stream_open(&stream, graph, relation, slot == RSI_SLOT_EVENT ? RS_SCAN_TIME : 0,
                                err));
    stream.work = work;
    stream.stage = "finding what is shared";
    shared->thing_is_src = !stream.src.range.subject;
    const rsi_end *thing = shared->thing_is_src ? &stream.src : &stream.dst;
    const rsi_end *user = shared->thing_is_src ? &stream.dst : &stream.src;
    RS_TRY(make_seen(shared, thing->dense_count, err));
    RS_TRY(survey_edges(&survey, &stream, shared->thing_is_src, err));
    count_things(shared, thing, user, singles);
    RS_TRY(rsi_graph_array(&shared->things, shared->count, sizeof *shared->things, err));
    RS_TRY(rsi_graph_array(&shared->first, (size_t)shared->count + 1, sizeof *shared->first, err));
    lay_out_groups(shared, graph, &thing->range);
done:
    rsi_edge_stream_close(&stream);
    return status;
}

void rsi_shared_free(rsi_shared *shared)
{
    free(shared->seen);
    free(shared->things);
    free(shared->first);
    *shared = (rsi_shared){0};
}
