/* neighbours.c - the columns of whom a subject deals with, of who uses the same things, and the
 * attributes of the things themselves.
 *
 * For each relation and each column x, the mean of x, and of a numeric attribute also the largest
 * and the sum, over
 *   - the other ends, where both ends are subjects, either way ("pays out", "pays in"),
 *   - the other users of the things used, each as often as there are such things ("uses_device
 *     others"): by the whole of a thing less one's own part, so that a thing of d users costs d
 *     steps, not d * d,
 *   - the things themselves, x being a numeric attribute of theirs ("uses_device").
 *
 * Sums are taken in the graph's order by one thread for each column, so that they are the same for
 * any number of threads. Cost: O(pairs + uses) a column.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/try.h"
#include "learn/features.h"
#include "score/columns.h"

/* A step from a subject to a neighbour. */
typedef struct step {
    uint32_t from;
    uint32_t to; /* a subject, or a thing */
} step;

typedef enum step_way { WAY_OUT, WAY_IN, WAY_OTHERS, WAY_THINGS, WAY_COUNT } step_way;
static const char *const way_names[WAY_COUNT] = {" out", " in", " others", ""};

/* One relation seen from its subjects. */
typedef struct step_lane {
    char name[300];
    step_way way;
    const rs_pair *pairs;
    size_t pair_count;
    bool from_b;
    const step *uses; /* ascending by thing */
    size_t use_count;
} step_lane;

/* Columns to be made of one source. */
typedef struct task {
    const step_lane *lane;
    const float *source; /* by subject, or by thing - first */
    uint32_t first;
    float *mean;
    float *largest; /* NULL: not wanted, and no sum */
    float *sum;
} task;

typedef struct tasks {
    rsi_features *features;
    task *all;
    size_t count;
    size_t room;
} tasks;

/* Of an attribute all three, of a count the mean: the others say nearly the same of it. */
static rs_status add_task(tasks *t, const step_lane *lane, const rsi_feature *source,
                          uint32_t first, rs_error *err)
{
    rs_status status = RS_OK;
    char name[700];
    if (t->count == t->room) {
        size_t room = t->room == 0 ? 64 : 2 * t->room;
        task *all = realloc(t->all, room * sizeof *all);
        if (all == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu columns)", room);
        }
        t->all = all;
        t->room = room;
    }
    task *next = &t->all[t->count];
    *next = (task){.lane = lane, .source = source->values, .first = first};
    const char *of = source->name; /* features move when one is added, names do not */
    bool attribute = source->attribute;
    const char *way = way_names[lane->way];
    snprintf(name, sizeof name, "%s%s > %s: mean", lane->name, way, of);
    RS_TRY(rsi_features_add(t->features, name, false, &next->mean, err));
    t->count++;
    if (!attribute) {
        goto done;
    }
    snprintf(name, sizeof name, "%s%s > %s: largest", lane->name, way, of);
    RS_TRY(rsi_features_add(t->features, name, false, &next->largest, err));
    snprintf(name, sizeof name, "%s%s > %s: sum", lane->name, way, of);
    RS_TRY(rsi_features_add(t->features, name, false, &next->sum, err));
done:
    return status;
}

/* ---- one column ------------------------------------------------------------------------------ */

/* What a subject has met so far; the sums are doubles, rounded once. */
typedef struct meeting {
    double sum;
    double count;
    float largest;
} meeting;

static void meet(meeting *m, double sum, double count, float largest)
{
    m->largest = m->count == 0 || largest > m->largest ? largest : m->largest;
    m->sum += sum;
    m->count += count;
}

static void walk_pairs(const task *t, meeting *met)
{
    const step_lane *lane = t->lane;
    for (size_t i = 0; i < lane->pair_count; i++) {
        uint32_t self = lane->from_b ? lane->pairs[i].b : lane->pairs[i].a;
        uint32_t other = lane->from_b ? lane->pairs[i].a : lane->pairs[i].b;
        meet(&met[self], (double)t->source[other], 1, t->source[other]);
    }
}

static void walk_things(const task *t, meeting *met)
{
    for (size_t i = 0; i < t->lane->use_count; i++) {
        const step *use = &t->lane->uses[i];
        float value = t->source[use->to - t->first];
        meet(&met[use->from], (double)value, 1, value);
    }
}

/* The users of one thing, uses from .. to - 1: each meets all but itself. */
static void walk_thing(const task *t, size_t from, size_t to, meeting *met)
{
    const step *uses = t->lane->uses;
    double sum = 0;
    size_t top = from;
    float second = 0;
    for (size_t i = from; i < to; i++) {
        float value = t->source[uses[i].from];
        sum += (double)value;
        if (i == from) {
            continue;
        }
        if (value > t->source[uses[top].from]) {
            second = t->source[uses[top].from];
            top = i;
        } else if (i == from + 1 || value > second) {
            second = value;
        }
    }
    for (size_t i = from; i < to; i++) {
        float own = t->source[uses[i].from];
        meet(&met[uses[i].from], sum - (double)own, (double)(to - from - 1),
             i == top ? second : t->source[uses[top].from]);
    }
}

static void walk_others(const task *t, meeting *met)
{
    const step *uses = t->lane->uses;
    for (size_t from = 0, to; from < t->lane->use_count; from = to) {
        to = from + 1;
        while (to < t->lane->use_count && uses[to].to == uses[from].to) {
            to++;
        }
        if (to - from > 1) {
            walk_thing(t, from, to, met);
        }
    }
}

static rs_status run_task(void *context, size_t index, unsigned worker, rs_error *err)
{
    const tasks *all = context;
    const task *t = &all->all[index];
    uint32_t subjects = all->features->subjects;
    (void)worker;
    meeting *met = calloc((size_t)subjects + 1, sizeof *met);
    if (met == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u subjects)", subjects);
    }
    switch (t->lane->way) {
    case WAY_OTHERS:
        walk_others(t, met);
        break;
    case WAY_THINGS:
        walk_things(t, met);
        break;
    default:
        walk_pairs(t, met);
    }
    for (uint32_t v = 0; v < subjects; v++) {
        if (t->sum != NULL) {
            t->sum[v] = (float)met[v].sum;
            t->largest[v] = met[v].largest;
        }
        t->mean[v] = met[v].count > 0 ? (float)(met[v].sum / met[v].count) : 0;
    }
    free(met);
    return RS_OK;
}

/* ---- the attributes of things -----------------------------------------------------------------
 */

/* Numeric attributes of things, each in an array over the nodes of its type. */
typedef struct attribute {
    char *name;
    uint32_t first;
    float *values;
} attribute;

typedef struct attributes {
    attribute *all;
    size_t count;
} attributes;

static void attributes_free(attributes *a)
{
    for (size_t i = 0; i < a->count; i++) {
        free(a->all[i].name);
        free(a->all[i].values);
    }
    free(a->all);
}

static rs_status read_attribute(const rs_graph *graph, size_t number, attribute *out, rs_error *err)
{
    rs_status status = RS_OK;
    rs_values *values = NULL;
    uint32_t dense;
    rs_text text;
    const rs_store *store = rs_graph_store(graph);
    rs_attribute_info info = rs_store_attribute(store, number);
    const char *type = rs_store_type(store, info.type).name;
    rs_node_range range = {0};
    for (size_t i = 0; i < rs_graph_range_count(graph); i++) {
        if (strcmp(rs_graph_range(graph, i).type, type) == 0) {
            range = rs_graph_range(graph, i);
        }
    }
    *out =
        (attribute){.first = range.first, .values = calloc((size_t)range.count + 1, sizeof(float))};
    if (asprintf(&out->name, "%s %s", type, info.name) < 0 || out->values == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (attribute \"%s\")", info.name);
    }
    RS_TRY(rs_values_open(&values, store, number, err));
    for (;;) {
        RS_TRY(rs_values_next(values, &dense, &text, err));
        if (dense == RS_NO_NODE) {
            break;
        }
        uint32_t node = rs_graph_node(graph, info.type, dense);
        if (node - range.first < range.count) {
            out->values[node - range.first] = (float)((double)rsi_millionths_of(text) / 1e6);
        }
    }
done:
    rs_values_close(values);
    return status;
}

static bool is_number(rs_attribute_info info)
{
    return info.kind == RS_VALUE_INTEGER || info.kind == RS_VALUE_DECIMAL;
}

static rs_status read_attributes(const rs_graph *graph, attributes *out, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_store *store = rs_graph_store(graph);
    size_t count = rs_store_attribute_count(store);
    out->all = calloc(count + 1, sizeof *out->all);
    if (out->all == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu attributes)", count);
    }
    for (size_t i = 0; i < count; i++) {
        rs_attribute_info info = rs_store_attribute(store, i);
        if (is_number(info) && !rs_store_type(store, info.type).subject) {
            RS_TRY(read_attribute(graph, i, &out->all[out->count++], err));
        }
    }
done:
    return status;
}

/* ---- relations --------------------------------------------------------------------------------
 */

static int by_thing(const void *left, const void *right)
{
    const step *a = left;
    const step *b = right;
    if (a->to != b->to) {
        return a->to < b->to ? -1 : 1;
    }
    return (a->from > b->from) - (a->from < b->from);
}

/* Pairs of a subject and a thing, by thing. */
static step *uses_of(const rs_pair *pairs, size_t count, uint32_t subjects)
{
    step *uses = malloc((count + 1) * sizeof *uses);
    for (size_t i = 0; uses != NULL && i < count; i++) {
        bool forward = pairs[i].a < subjects;
        uses[i] = (step){.from = forward ? pairs[i].a : pairs[i].b,
                         .to = forward ? pairs[i].b : pairs[i].a};
    }
    if (uses != NULL && count > 0) {
        qsort(uses, count, sizeof *uses, by_thing);
    }
    return uses;
}

static rs_status add_columns(tasks *t, const step_lane *lane, size_t base, const attributes *things,
                             rs_node_range range, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 0; lane->way != WAY_THINGS && i < base; i++) {
        RS_TRY(add_task(t, lane, &t->features->all[i], 0, err));
    }
    for (size_t i = 0; lane->way == WAY_THINGS && i < things->count; i++) {
        rsi_feature thing = {
            .name = things->all[i].name, .attribute = true, .values = things->all[i].values};
        if (things->all[i].first == range.first) {
            RS_TRY(add_task(t, lane, &thing, range.first, err));
        }
    }
done:
    return status;
}

static rs_node_range range_named(const rs_graph *graph, const char *type)
{
    size_t i = 0;
    while (strcmp(rs_graph_range(graph, i).type, type) != 0) {
        i++;
    }
    return rs_graph_range(graph, i);
}

static void see(rsi_features *features, uint32_t node, int64_t time)
{
    if (node < features->subjects && time != RS_NO_TIME) {
        int64_t *first = &features->first_seen[node];
        *first = *first == RS_NO_TIME || time < *first ? time : *first;
    }
}

static rs_status do_relation(rsi_features *features, const rs_graph *graph, size_t relation,
                             size_t base, const attributes *things, const rs_work *work,
                             rs_error *err)
{
    rs_status status = RS_OK;
    tasks t = {.features = features};
    rs_pair *pairs = NULL;
    step *uses = NULL;
    size_t count = 0;
    const rs_store *store = rs_graph_store(graph);
    rs_relation_info info = rs_store_relation(store, relation);
    rs_node_range src = range_named(graph, rs_store_type(store, info.src_type).name);
    rs_node_range dst = range_named(graph, rs_store_type(store, info.dst_type).name);
    step_lane lanes[2] = {{.way = WAY_OUT}, {.way = WAY_IN, .from_b = true}};
    if (!src.subject && !dst.subject) {
        return RS_OK;
    }
    RS_TRY(rs_graph_pairs(graph, relation, &pairs, &count, work, err));
    for (size_t i = 0; i < count; i++) {
        see(features, pairs[i].a, pairs[i].time_first);
        see(features, pairs[i].b, pairs[i].time_first);
    }
    if (!src.subject || !dst.subject) {
        uses = uses_of(pairs, count, features->subjects);
        if (uses == NULL) {
            status = rs_fail(err, RS_ENOMEM, "out of memory (%zu uses)", count);
            goto done;
        }
        lanes[0] = (step_lane){.way = WAY_OTHERS, .uses = uses, .use_count = count};
        lanes[1] = (step_lane){.way = WAY_THINGS, .uses = uses, .use_count = count};
    }
    for (size_t i = 0; i < 2; i++) {
        lanes[i].pairs = pairs;
        lanes[i].pair_count = count;
        snprintf(lanes[i].name, sizeof lanes[i].name, "%s%s%s", info.name,
                 info.currency[0] != '\0' ? " " : "", info.currency);
        RS_TRY(add_columns(&t, &lanes[i], base, things, src.subject ? dst : src, err));
    }
    RS_TRY(rsi_parallel(work, t.count, run_task, &t, err));
done:
    free(t.all);
    free(uses);
    free(pairs);
    return status;
}

rs_status rsi_features_neighbours(rsi_features *features, const rs_graph *graph, size_t base,
                                  const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    attributes things = {0};
    size_t relations = rs_store_relation_count(rs_graph_store(graph));
    RS_TRY(read_attributes(graph, &things, err));
    for (size_t r = 0; r < relations; r++) {
        RS_TRY(rs_work_report(work, "columns", "relations", r, relations, err));
        RS_TRY(do_relation(features, graph, r, base, &things, work, err));
    }
done:
    attributes_free(&things);
    return status;
}
