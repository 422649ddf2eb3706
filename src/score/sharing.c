/* sharing.c - the measure of sharing, and its decades.
 *
 * The amount of one thing of d users, k of them in the group: ln(N/d)/ln N * (k - 1), the
 * coincidences that tie k accounts together through it. For a thing of few users that is spread
 * over its pairs, 2/d to each; then, for each pair, the sort of thing that ties it most counts
 * whole and the others 0.15 each: the device, card and phone of one household are one coincidence,
 * while strangers who share a card here and a device there with different others are many. Accounts
 * of one person count once. Meetings (kind window) count by the weight of their links. Hubs do not
 * count.
 *
 * Decades of a column: 0.3 of those of the amount, 0.7 of those of the amount per member. Size
 * alone is no crime (an office is large and shares little a head); much sharing a head by few is a
 * family, which the night has thousands of; both at once is rare. Each is measured against the
 * night's own groups, so a look-alike weighs little because it is common. Hubs do not count.
 *
 * Weights: a thing 1, a place 0.25: that accounts meet where accounts meet is a quarter as telling.
 *
 * The parts: things (sharing_things.c), pairs and time (sharing_pairs.c), homes (sharing_homes.c),
 * the order of uses and what stronger ones explain (sharing_uses.c).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "score/sharing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/try.h"
#include "score/finder.h"
#include "score/tail.h"

static const char *const way_prefix[RSI_WAYS] = {"shared_", "same_time_", "identity_"};
static const double way_weight[RSI_WAYS] = {1.0, RSI_PLACE_WEIGHT, 1.0};
#define AMOUNT_SHARE 0.3

/* ---- columns -----------------------------------------------------------------------------------
 */

static void name_columns(const rsi_finder *f)
{
    for (size_t c = 0; c < f->out->in_time; c++) {
        rsi_column *column = &f->out->columns[c];
        column->weight = way_weight[c % RSI_WAYS];
        snprintf(column->name, sizeof column->name, "%s%s", way_prefix[c % RSI_WAYS],
                 rs_graph_range(f->input->graph, c / RSI_WAYS).type);
    }
    for (size_t k = 0; k < rs_evidence_kind_count(); k++) {
        if (f->of_kind[k] != SIZE_MAX) {
            rsi_column *column = &f->out->columns[f->of_kind[k]];
            column->weight = 1.0;
            snprintf(column->name, sizeof column->name, "%s", rs_evidence_kind_name(k));
        }
    }
}

/* The range of nodes of a store's type. */
static size_t range_of(const rs_graph *graph, uint32_t type)
{
    const char *name = rs_store_type(rs_graph_store(graph), type).name;
    size_t range = 0;
    while (strcmp(rs_graph_range(graph, range).type, name) != 0) {
        range++;
    }
    return range;
}

/* Three columns for each type of things, one for each kind in time, in the order of the table. */
static rs_status number_columns(rsi_finder *f, rs_error *err)
{
    const rs_graph *graph = f->input->graph;
    const rs_store *store = rs_graph_store(graph);
    size_t relations = rs_store_relation_count(store);
    f->of_relation = calloc(relations + 1, sizeof *f->of_relation);
    f->of_kind = calloc(rs_evidence_kind_count() + 1, sizeof *f->of_kind);
    if (f->of_relation == NULL || f->of_kind == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu relations)", relations);
    }
    for (size_t r = 0; r < relations; r++) {
        rs_relation_info info = rs_store_relation(store, r);
        bool from_thing = !rs_store_type(store, info.src_type).subject;
        f->of_relation[r] = range_of(graph, from_thing ? info.src_type : info.dst_type) * RSI_WAYS;
    }
    f->out->in_time = rs_graph_range_count(graph) * RSI_WAYS;
    f->out->column_count = f->out->in_time;
    for (size_t k = 0; k < rs_evidence_kind_count(); k++) {
        f->of_kind[k] = rs_evidence_kind_in_time(k) ? f->out->column_count++ : SIZE_MAX;
    }
    return RS_OK;
}

rs_status rsi_columns_make(rsi_sharing *out, size_t groups, rs_error *err)
{
    out->columns = calloc(out->column_count + 1, sizeof *out->columns);
    if (out->columns == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu columns)", out->column_count);
    }
    for (size_t c = 0; c < out->column_count; c++) {
        rsi_column *column = &out->columns[c];
        column->amount = calloc(groups + 1, sizeof *column->amount);
        column->own = calloc(groups + 1, sizeof *column->own);
        column->home = calloc(groups + 1, sizeof *column->home);
        column->decades = calloc(groups + 1, sizeof *column->decades);
        if (column->amount == NULL || column->own == NULL || column->home == NULL ||
            column->decades == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu groups)", groups);
        }
    }
    return RS_OK;
}

static rs_status make_columns(rsi_finder *f, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(number_columns(f, err));
    RS_TRY(rsi_columns_make(f->out, f->candidates->count, err));
    name_columns(f);
done:
    return status;
}

/* ---- decades -----------------------------------------------------------------------------------
 */

/* A kind in time has a null model of its own: to each member it touches nothing is more unusual
 * than that makes it, however few groups of the night have any. A tie of 1.0 has `ceiling` decades.
 */
static void bound_decades(const rsi_candidates *candidates, rsi_column *column, double ceiling)
{
    for (size_t g = 0; g < candidates->count; g++) {
        if (column->own[g] > 0) {
            double members = (double)(candidates->first[g + 1] - candidates->first[g]);
            double touched = members * column->own[g] / column->amount[g];
            double most = column->amount[g] / touched * ceiling;
            column->decades[g] = fmin(column->decades[g], most);
        }
    }
}

typedef struct weighing {
    const rsi_candidates *candidates;
    const uint8_t *counted;
    uint32_t subjects;
    rsi_sharing *out;
} weighing;

static rs_status weigh_column(void *context, size_t index, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    const weighing *w = context;
    const rsi_candidates *candidates = w->candidates;
    rsi_column *column = &w->out->columns[index];
    double ceiling = index < w->out->in_time ? INFINITY : log10(w->subjects);
    double *scratch = NULL;
    bool any = false;
    (void)worker;
    for (size_t g = 0; g < candidates->count && !any; g++) {
        any = column->amount[g] > 0;
    }
    if (!any) { /* most columns: their decades are 0 and their pages never touched */
        goto done;
    }
    scratch = malloc((2 * candidates->count + 1) * sizeof *scratch);
    if (scratch == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu groups)", candidates->count);
    }
    double *each = scratch + candidates->count;
    RS_TRY(rsi_tail_decades(column->amount, w->counted, candidates->count, column->decades, err));
    for (size_t g = 0; g < candidates->count; g++) {
        scratch[g] = column->amount[g] / (double)(candidates->first[g + 1] - candidates->first[g]);
    }
    RS_TRY(rsi_tail_decades(scratch, w->counted, candidates->count, each, err));
    for (size_t g = 0; g < candidates->count; g++) {
        column->decades[g] = AMOUNT_SHARE * column->decades[g] + (1 - AMOUNT_SHARE) * each[g];
    }
    bound_decades(candidates, column, ceiling);
    for (size_t g = 0; g < candidates->count; g++) {
        column->decades[g] *= column->amount[g] > 0 ? column->own[g] / column->amount[g] : 0;
    }
done:
    free(scratch);
    return status;
}

rs_status rsi_sharing_weigh(const rsi_candidates *candidates, const uint8_t *counted,
                            uint32_t subjects, const rs_work *work, rsi_sharing *out, rs_error *err)
{
    weighing w = {.candidates = candidates, .counted = counted, .subjects = subjects, .out = out};
    return rsi_parallel(work, out->column_count, weigh_column, &w, err);
}

double rsi_sharing_sum(const rsi_sharing *sharing, size_t group)
{
    double decades = 0;
    for (size_t c = 0; c < sharing->column_count; c++) {
        decades += sharing->columns[c].weight * sharing->columns[c].decades[group];
    }
    return decades;
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

static bool any_entity(const uint32_t *entity, uint32_t subjects)
{
    uint32_t others = 0;
    for (uint32_t v = 0; v < subjects; v++) {
        others += entity[v] != v;
    }
    return others > 0;
}

rs_status rsi_sharing_find(const rs_score_input *input, const rsi_candidates *candidates,
                           const rs_work *work, const rsi_sharing *night, rsi_sharing *out,
                           rs_error *err)
{
    rs_status status = RS_OK;
    rsi_finder f = {.input = input,
                    .candidates = candidates,
                    .work = work,
                    .out = out,
                    .subjects = rs_graph_subject_count(input->graph)};
    *out = (rsi_sharing){0};
    f.entities = any_entity(input->evidence->entity, f.subjects);
    RS_TRY(make_columns(&f, err));
    RS_TRY(rsi_share_things(&f, err));
    RS_TRY(rsi_share_pairs(&f, err));
    RS_TRY(rsi_uses_settle(&f, err));
    rsi_homes_discount(&f, night);
done:
    free(f.of_relation);
    free(f.of_kind);
    free(f.cover);
    if (status != RS_OK) {
        rsi_sharing_free(out);
    }
    return status;
}

void rsi_sharing_free(rsi_sharing *sharing)
{
    for (size_t c = 0; sharing->columns != NULL && c < sharing->column_count; c++) {
        free(sharing->columns[c].amount);
        free(sharing->columns[c].own);
        free(sharing->columns[c].home);
        free(sharing->columns[c].decades);
    }
    free(sharing->columns);
    free(sharing->use_first);
    free(sharing->uses);
    free(sharing->users);
    *sharing = (rsi_sharing){0};
}
