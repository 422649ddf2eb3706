/* model.c - a model's risks in the place of the table's, and what each column has to do with them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/try.h"
#include "cli/budget.h"
#include "cli/cli.h"
#include "cli/learn.h"

enum { BLOCK = 1024 };

rs_status rsi_stages_features(const rsi_stages *stages, const rs_work *work, rsi_features *out,
                              rs_error *err)
{
    rs_work here = *work;
    here.memory_bytes = rsi_memory_left(work);
    rsi_feature_input input = {
        .graph = stages->graph, .evidence = &stages->evidence, .findings = &stages->findings};
    return rsi_features_make(&input, &here, out, err);
}

static void mark(const rs_list *list, uint32_t subjects, uint8_t *listed)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->entries[i].node < subjects) {
            listed[list->entries[i].node] = 1;
        }
    }
}

void rsi_mark_listed(const rsi_stages *stages, uint8_t *listed)
{
    uint32_t subjects = rs_graph_subject_count(stages->graph);
    memset(listed, 0, subjects);
    mark(&stages->blacklist, subjects, listed);
    mark(&stages->whitelist, subjects, listed);
}

rs_status rsi_subject_ids(const rs_graph *graph, rs_ids **ids, rs_error *err)
{
    uint8_t *wanted = calloc((size_t)rs_graph_node_count(graph) + 1, 1);
    if (wanted == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (subjects)");
    }
    memset(wanted, 1, rs_graph_subject_count(graph));
    rs_status status = rs_graph_ids(graph, wanted, ids, err);
    free(wanted);
    return status;
}

void rsi_put_subject(rsi_out *out, const rs_graph *graph, const rs_ids *ids, uint32_t subject)
{
    rsi_out_csv(out, rsi_text(rs_graph_range_of(graph, subject).type));
    rsi_out_string(out, ",");
    rsi_out_csv(out, rs_ids_of(ids, subject));
}

void rsi_put_real(rsi_out *out, double value)
{
    char number[40];
    int length = snprintf(number, sizeof number, ",%.9g", value);
    rsi_out_bytes(out, number, length > 0 ? (size_t)length : 0);
}

/* ---- risks ----------------------------------------------------------------------------------- */

typedef struct risks {
    const rsi_model *model;
    const rsi_features *features;
    const uint8_t *kept; /* by subject: whose risk stays what it is */
    rs_node_risk *nodes;
} risks;

static rs_status answer_block(void *context, size_t index, unsigned worker, rs_error *err)
{
    const risks *r = context;
    uint32_t from = (uint32_t)index * BLOCK;
    (void)worker;
    (void)err;
    for (uint32_t v = from; v < r->features->subjects && v - from < BLOCK; v++) {
        if (!r->kept[v]) {
            r->nodes[v].risk = rsi_model_risk(r->model, r->features, v);
        }
    }
    return RS_OK;
}

/* ---- contributions --------------------------------------------------------------------------- */

typedef struct part {
    size_t column;
    double size;
} part;

static int by_size(const void *left, const void *right)
{
    const part *a = left;
    const part *b = right;
    if (fabs(a->size) != fabs(b->size)) {
        return fabs(a->size) > fabs(b->size) ? -1 : 1;
    }
    return (a->column > b->column) - (a->column < b->column);
}

/* The parts of one subject in order of their size, those above nothing; `sizes` is all zero. */
static size_t take_parts(const risks *r, uint32_t subject, double *sizes, part *parts)
{
    size_t count = 0;
    rsi_forest_parts(&r->model->forest, r->features, subject, sizes);
    for (size_t c = 0; c < r->model->column_count; c++) {
        if (sizes[c] != 0) {
            parts[count++] = (part){c, r->model->slope * sizes[c]};
            sizes[c] = 0;
        }
    }
    qsort(parts, count, sizeof *parts, by_size);
    return count;
}

static void put_parts(rsi_out *out, const risks *r, const rs_graph *graph, const rs_ids *ids,
                      uint32_t subject, const part *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const rsi_feature *feature = &r->features->all[parts[i].column];
        rsi_put_subject(out, graph, ids, subject);
        rsi_out_string(out, ",");
        rsi_out_csv(out, rsi_text(feature->name));
        rsi_put_real(out, (double)feature->values[subject]);
        rsi_put_real(out, parts[i].size);
        rsi_out_string(out, "\n");
    }
}

/* A line "every account" first: what the log-odds are where nothing is known. */
static rs_status write_parts(const risks *r, const rs_graph *graph, const char *path,
                             const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_out *out = NULL;
    rs_ids *ids = NULL;
    const rsi_model *model = r->model;
    double *sizes = calloc(model->column_count + 1, sizeof *sizes);
    part *parts = calloc(model->column_count + 1, sizeof *parts);
    if (sizes == NULL || parts == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (contributions)");
        goto done;
    }
    RS_TRY(rsi_subject_ids(graph, &ids, err));
    RS_TRY(rsi_out_open(&out, path, err));
    rsi_out_string(out, "type,id,column,value,part\n");
    rsi_out_string(out, ",,,");
    rsi_put_real(out,
                 model->offset + model->slope * (model->base + rsi_forest_mean(&model->forest)));
    rsi_out_string(out, "\n");
    for (uint32_t v = 0; v < r->features->subjects; v++) {
        if (!r->kept[v]) {
            put_parts(out, r, graph, ids, v, parts, take_parts(r, v, sizes, parts));
        }
        if (v % BLOCK == 0) {
            RS_TRY(rsi_out_check(out, err));
            RS_TRY(
                rs_work_report(work, "contributions", "subjects", v, r->features->subjects, err));
        }
    }
    RS_TRY(rsi_out_commit(out, err));
done:
    rsi_out_close(out);
    rs_ids_free(ids);
    free(parts);
    free(sizes);
    return rs_context(err, status, "contributions");
}

/* A model says nothing of subjects of another type than it was learned of. */
static void keep_others(const rs_graph *graph, const char *subject, uint8_t *kept)
{
    for (size_t i = 0; i < rs_graph_range_count(graph); i++) {
        rs_node_range range = rs_graph_range(graph, i);
        if (range.subject && strcmp(range.type, subject) != 0) {
            memset(kept + range.first, 1, range.count);
        }
    }
}

rs_status rsi_stages_model(rsi_stages *stages, const rsi_model *model, const char *contributions,
                           const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t start = rsi_clock_us();
    rsi_features features = {0};
    uint32_t subjects = rs_graph_subject_count(stages->graph);
    uint8_t *kept = malloc((size_t)subjects + 1);
    if (kept == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u subjects)", subjects);
    }
    RS_TRY(rsi_stages_features(stages, work, &features, err));
    RS_TRY(rsi_model_check(model, &features, err));
    rsi_mark_listed(stages, kept);
    keep_others(stages->graph, model->subject, kept);
    risks r = {
        .model = model, .features = &features, .kept = kept, .nodes = stages->findings.nodes};
    RS_TRY(rsi_parallel(work, ((size_t)subjects + BLOCK - 1) / BLOCK, answer_block, &r, err));
    if (contributions != NULL) {
        RS_TRY(write_parts(&r, stages->graph, contributions, work, err));
    }
    rsi_stages_time(stages, "model", start);
done:
    free(kept);
    rsi_features_free(&features);
    return status;
}
