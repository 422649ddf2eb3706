/* shared.c - one pass that remembers, for each thing, its only user so far.
 *
 * Invariant: user_of[thing] is NOBODY, the one user seen, or SEVERAL from the second user on; the
 * count beside it says how many slots its edges take, known exactly before any is filled.
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

/* What one pass over the edges learns. */
typedef struct use_survey {
    uint32_t *user_of; /* by thing */
    uint32_t *slots;   /* by thing */
    rsi_slot slot;
    uint32_t last_thing; /* edge before this one */
    uint32_t last_user;
    bool overflow; /* a thing with 2^32 slots */
} use_survey;

static void survey_run(use_survey *survey, const rs_edges *run, const uint32_t *things,
                       const uint32_t *users)
{
    for (size_t i = 0; i < run->count; i++) {
        uint32_t thing = things[i];
        uint32_t user = users[i];
        uint32_t known = survey->user_of[thing];
        if (known != user) {
            survey->user_of[thing] = known == NOBODY ? user : SEVERAL;
        }
        bool takes = survey->slot == RSI_SLOT_USER
                         ? thing != survey->last_thing || user != survey->last_user
                         : run->time != NULL && run->time[i] != RS_NO_TIME;
        survey->slots[thing] += takes;
        survey->overflow |= survey->slots[thing] == UINT32_MAX;
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

static void count_things(rsi_shared *shared, const use_survey *survey, const rsi_end *thing,
                         const rsi_end *user, uint32_t *singles)
{
    for (uint32_t dense = 0; dense < thing->range.count; dense++) {
        uint32_t only = survey->user_of[dense];
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

/* Groups in order of their things' nodes; user_of turns into group_of. */
static void lay_out_groups(rsi_shared *shared, const use_survey *survey, const rs_graph *graph,
                           const rs_node_range *things)
{
    uint32_t group = 0;
    shared->first[0] = 0;
    for (uint32_t node = things->first; node < things->first + things->count; node++) {
        uint32_t dense = graph->dense_of[node];
        if (survey->user_of[dense] != SEVERAL) {
            survey->user_of[dense] = RS_NO_NODE;
            continue;
        }
        survey->user_of[dense] = group;
        shared->things[group] = node;
        shared->first[group + 1] = shared->slot_count;
        shared->slot_count += survey->slots[dense];
        group++;
    }
}

rs_status rsi_shared_find(rsi_shared *shared, const rs_graph *graph, size_t relation, rsi_slot slot,
                          uint32_t *singles, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_edge_stream stream = {0};
    use_survey survey = {.slot = slot, .last_thing = NOBODY, .last_user = NOBODY};
    *shared = (rsi_shared){0};
    RS_TRY(check_relation(graph, relation, err));
    RS_TRY(rsi_edge_stream_open(&stream, graph, relation, slot == RSI_SLOT_EVENT ? RS_SCAN_TIME : 0,
                                err));
    stream.work = work;
    stream.stage = "finding what is shared";
    shared->thing_is_src = !stream.src.range.subject;
    const rsi_end *thing = shared->thing_is_src ? &stream.src : &stream.dst;
    const rsi_end *user = shared->thing_is_src ? &stream.dst : &stream.src;
    RS_TRY(rsi_graph_array(&survey.slots, thing->range.count, sizeof *survey.slots, err));
    RS_TRY(rsi_graph_array(&survey.user_of, thing->range.count, sizeof *survey.user_of, err));
    for (uint32_t i = 0; i < thing->range.count; i++) {
        survey.user_of[i] = NOBODY;
    }
    RS_TRY(survey_edges(&survey, &stream, shared->thing_is_src, err));
    count_things(shared, &survey, thing, user, singles);
    RS_TRY(rsi_graph_array(&shared->things, shared->count, sizeof *shared->things, err));
    RS_TRY(rsi_graph_array(&shared->first, (size_t)shared->count + 1, sizeof *shared->first, err));
    lay_out_groups(shared, &survey, graph, &thing->range);
    shared->group_of = survey.user_of;
    survey.user_of = NULL; /* moved to the caller */
done:
    free(survey.user_of);
    free(survey.slots);
    rsi_edge_stream_close(&stream);
    return status;
}

void rsi_shared_free(rsi_shared *shared)
{
    free(shared->group_of);
    free(shared->things);
    free(shared->first);
    *shared = (rsi_shared){0};
}
