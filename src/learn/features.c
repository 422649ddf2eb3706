/* features.c - columns from counts, evidence and findings, in the order of their names.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "learn/features.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "score/columns.h"

rs_status rsi_features_add(rsi_features *features, const char *name, bool rising, float **values,
                           rs_error *err)
{
    uint64_t each = ((uint64_t)features->subjects + 1) * sizeof **values;
    if (features->bytes_max > 0 && each * (features->count + 1) > features->bytes_max) {
        return rs_fail(err, RS_EUSAGE,
                       "%zu columns of %u subjects are more than the memory allows: give --memory "
                       "more",
                       features->count + 1, features->subjects);
    }
    if (features->count == features->room) {
        size_t room = features->room == 0 ? 64 : 2 * features->room;
        rsi_feature *all = realloc(features->all, room * sizeof *all);
        if (all == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu columns)", room);
        }
        features->all = all;
        features->room = room;
    }
    rsi_feature *next = &features->all[features->count];
    *next = (rsi_feature){.name = strdup(name), .rising = rising, .values = calloc(1, each)};
    if (next->name == NULL || next->values == NULL) {
        free(next->name);
        free(next->values);
        return rs_fail(err, RS_ENOMEM, "out of memory (column \"%s\")", name);
    }
    features->count++;
    *values = next->values;
    return RS_OK;
}

void rsi_features_free(rsi_features *features)
{
    for (size_t i = 0; i < features->count; i++) {
        free(features->all[i].name);
        free(features->all[i].values);
    }
    free(features->all);
    free(features->first_seen);
    *features = (rsi_features){0};
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const rsi_feature *)left)->name, ((const rsi_feature *)right)->name);
}

/* Two relations of one name, or an attribute that two types have: the larger value, which does not
 * depend on which of them came first. */
void rsi_features_sort(rsi_features *features)
{
    size_t kept = 0;
    if (features->count == 0) {
        return;
    }
    qsort(features->all, features->count, sizeof *features->all, by_name);
    for (size_t i = 1; i < features->count; i++) {
        rsi_feature *last = &features->all[kept];
        rsi_feature *next = &features->all[i];
        if (strcmp(last->name, next->name) != 0) {
            features->all[++kept] = *next;
            continue;
        }
        for (uint32_t v = 0; v < features->subjects; v++) {
            last->values[v] = last->values[v] > next->values[v] ? last->values[v] : next->values[v];
        }
        free(next->name);
        free(next->values);
    }
    features->count = kept + 1;
}

/* ---- counts ---------------------------------------------------------------------------------- */

static double unit_of(unsigned decimals)
{
    double unit = 1;
    for (; decimals > 0; decimals--) {
        unit *= 10;
    }
    return unit;
}

static rs_status take_counts(void *context, const char *name, unsigned decimals,
                             const int64_t *values, rs_error *err)
{
    rsi_features *features = context;
    float *column = NULL;
    double unit = unit_of(decimals);
    rs_status status = rsi_features_add(features, name, false, &column, err);
    for (uint32_t v = 0; status == RS_OK && v < features->subjects; v++) {
        column[v] = (float)((double)values[v] / unit);
    }
    return status;
}

/* They come behind the counts of all relations. */
static void mark_attributes(rsi_features *features, const rs_graph *graph)
{
    const rs_store *store = rs_graph_store(graph);
    size_t at = features->count;
    for (size_t a = 0; a < rs_store_attribute_count(store); a++) {
        rs_attribute_info info = rs_store_attribute(store, a);
        bool number = info.kind == RS_VALUE_INTEGER || info.kind == RS_VALUE_DECIMAL;
        if (number && rs_store_type(store, info.type).subject) {
            features->all[--at].attribute = true;
        }
    }
}

/* ---- evidence -------------------------------------------------------------------------------- */

typedef struct kind_columns {
    float *sum;
    float *largest;
    float *links;
} kind_columns;

static void add_link(const rsi_features *features, const kind_columns *kind, uint32_t node,
                     double weight)
{
    if (node < features->subjects) {
        kind->sum[node] += (float)weight;
        kind->largest[node] =
            (float)weight > kind->largest[node] ? (float)weight : kind->largest[node];
        kind->links[node] += 1;
    }
}

/* Weights are multiples of 2^-20 and links stand in an order of their own: sums are the same for
 * equal content. */
static rs_status add_evidence(rsi_features *features, const rs_graph *graph,
                              const rs_evidence *evidence, rs_error *err)
{
    rs_status status = RS_OK;
    size_t kinds = rs_evidence_kind_count();
    char name[128];
    kind_columns *columns = calloc(kinds + 1, sizeof *columns);
    if (columns == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (kinds of evidence)");
    }
    for (size_t k = 0; k < kinds; k++) {
        const char *kind = rs_evidence_kind_name(k);
        if (rs_evidence_kind_rare(k) && !rs_evidence_kind_reads(graph, k)) {
            continue;
        }
        snprintf(name, sizeof name, "evidence %s: sum", kind);
        RS_TRY(rsi_features_add(features, name, true, &columns[k].sum, err));
        snprintf(name, sizeof name, "evidence %s: largest", kind);
        RS_TRY(rsi_features_add(features, name, true, &columns[k].largest, err));
        snprintf(name, sizeof name, "evidence %s: links", kind);
        RS_TRY(rsi_features_add(features, name, true, &columns[k].links, err));
    }
    for (size_t i = 0; i < evidence->link_count; i++) {
        const rs_link *link = &evidence->links[i];
        double weight = (double)link->weight / RS_WEIGHT_ONE;
        add_link(features, &columns[link->kind], link->a, weight);
        add_link(features, &columns[link->kind], link->b, weight);
    }
done:
    free(columns);
    return status;
}

static rs_status add_findings(rsi_features *features, const rs_findings *findings, rs_error *err)
{
    rs_status status = RS_OK;
    float *spread;
    float *oddity;
    float *ring;
    RS_TRY(rsi_features_add(features, "spread", true, &spread, err));
    RS_TRY(rsi_features_add(features, "oddity", false, &oddity, err));
    RS_TRY(rsi_features_add(features, "ring score", true, &ring, err));
    for (uint32_t v = 0; v < features->subjects; v++) {
        spread[v] = (float)findings->nodes[v].spread / (float)RS_MILLION;
        oddity[v] = (float)findings->nodes[v].oddity / (float)RS_MILLION;
        ring[v] = (float)findings->nodes[v].ring_score / (float)RS_MILLION;
    }
done:
    return status;
}

rs_status rsi_features_make(const rsi_feature_input *input, const rs_work *work, rsi_features *out,
                            rs_error *err)
{
    rs_status status = RS_OK;
    rsi_features features = {.subjects = rs_graph_subject_count(input->graph),
                             .bytes_max = work->memory_bytes};
    *out = (rsi_features){0};
    features.first_seen = malloc(((size_t)features.subjects + 1) * sizeof *features.first_seen);
    if (features.first_seen == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u subjects)", features.subjects);
        goto done;
    }
    for (uint32_t v = 0; v < features.subjects; v++) {
        features.first_seen[v] = RS_NO_TIME;
    }
    RS_TRY(rsi_columns_walk(input->graph, NULL, work, take_counts, &features, err));
    mark_attributes(&features, input->graph);
    RS_TRY(rsi_features_neighbours(&features, input->graph, features.count, work, err));
    RS_TRY(add_evidence(&features, input->graph, input->evidence, err));
    RS_TRY(add_findings(&features, input->findings, err));
    rsi_features_sort(&features);
    *out = features;
    features = (rsi_features){0}; /* moved to the caller */
done:
    rsi_features_free(&features);
    return rs_context(err, status, "columns");
}
