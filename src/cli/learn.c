/* learn.c - `ringscope learn`: a model from a store and the truth about its accounts.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/learn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/try.h"
#include "cli/cli.h"
#include "cli/inputs.h"
#include "lab/calibration.h"
#include "lab/case.h"
#include "learn/booster.h"
#include "learn/train.h"

typedef struct options {
    rsi_inputs inputs;
    const char *truth;
    const char *out;
    const char *table;
    const char *subject;
    uint64_t folds;
    uint64_t seed;
} options;

static const rsi_option table[] = {
    {"truth", RSI_WORD, "FILE", offsetof(options, truth),
     "who is bad: CSV with the columns account and ring, as generate writes it; who has no ring or "
     "no line is honest",
     0, 0, true},
    {"out", RSI_WORD, "MODEL", offsetof(options, out), "write the model there", 0, 0, true},
    {"table", RSI_WORD, "FILE", offsetof(options, table),
     "write what was learned from there, as CSV: every account with its fold, the truth, the "
     "answer of "
     "trees that did not see its ring, and all columns",
     0, 0, false},
    RSI_INPUT_OPTIONS(options),
    {"subject", RSI_WORD, "TYPE", offsetof(options, subject),
     "the node type that the truth is about; default account", 0, 0, false},
    {"folds", RSI_COUNT, "N", offsetof(options, folds),
     "deal rings into N folds, each held out once; default 5", 2, 20, false},
    {"seed", RSI_COUNT, "N", offsetof(options, seed),
     "seed of the folds and of the trees' random choices; default 1", 0, 1000000, false},
    {0},
};

static const options defaults = {
    .inputs = RSI_INPUTS_DEFAULTS, .subject = "account", .folds = 5, .seed = 1};

/* ---- the truth ------------------------------------------------------------------------------- */

/* What the truth says of each subject. */
typedef struct labels {
    uint8_t *bad;
    uint8_t *left_out;
    uint64_t *group;
    size_t bad_count;
    size_t left_out_count;
    size_t missing_count; /* accounts of the truth that the store does not have */
} labels;

static void labels_free(labels *l)
{
    free(l->bad);
    free(l->left_out);
    free(l->group);
}

static uint64_t group_hash(uint32_t number, uint64_t what)
{
    return rsi_hash64(&number, sizeof number, what);
}

/* A ring's number is its place in the order of ids, a subject's follows from its id. */
static rs_status take_truth(const rsi_case *c, const rs_graph *graph, const char *subject,
                            labels *l, rs_error *err)
{
    rs_status status = RS_OK;
    for (uint32_t i = 0; i < c->account_ids.count; i++) {
        uint32_t node;
        RS_TRY(rs_graph_find(graph, subject, rsi_ids_text(&c->account_ids, i), &node, err));
        if (node >= rs_graph_subject_count(graph)) {
            l->missing_count++;
        } else if (c->accounts[i].ring != RSI_NO_ID) {
            l->bad[node] = 1;
            l->group[node] = group_hash(c->accounts[i].ring, 1);
        }
    }
done:
    return status;
}

static rs_status check_subject(const rs_graph *graph, const char *subject, rs_error *err)
{
    for (size_t i = 0; i < rs_graph_range_count(graph); i++) {
        rs_node_range range = rs_graph_range(graph, i);
        if (range.subject && strcmp(range.type, subject) == 0) {
            return RS_OK;
        }
    }
    return rs_fail(err, RS_EUSAGE,
                   "\"%s\" is none of the store's subjects, whose risks can be learned: give "
                   "--subject another type of \"subjects\" in the mapping",
                   subject);
}

static rs_status make_labels(const options *o, const rsi_stages *stages, const rsi_case *truth,
                             labels *l, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_graph *graph = stages->graph;
    uint32_t subjects = rs_graph_subject_count(graph);
    l->bad = calloc((size_t)subjects + 1, 1);
    l->left_out = calloc((size_t)subjects + 1, 1);
    l->group = calloc((size_t)subjects + 1, sizeof *l->group);
    if (l->bad == NULL || l->left_out == NULL || l->group == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u subjects)", subjects);
        goto done;
    }
    for (uint32_t v = 0; v < subjects; v++) {
        l->group[v] = group_hash(v, 0);
    }
    RS_TRY(check_subject(graph, o->subject, err));
    RS_TRY(take_truth(truth, graph, o->subject, l, err));
    rsi_mark_listed(stages, l->left_out);
    for (uint32_t v = 0; v < subjects; v++) {
        l->left_out[v] |= strcmp(rs_graph_range_of(graph, v).type, o->subject) != 0;
        l->left_out_count += l->left_out[v];
        l->bad_count += l->bad[v] && !l->left_out[v];
    }
done:
    return status;
}

/* ---- figures --------------------------------------------------------------------------------- */

typedef struct answered {
    double chance;
    uint8_t bad;
} answered;

static int by_chance(const void *left, const void *right)
{
    const answered *a = left;
    const answered *b = right;
    return a->chance < b->chance ? 1 : a->chance > b->chance ? -1 : 0;
}

/* Answers that are numbers, as ties from the highest on; freed by free(). NULL: memory. */
static rsi_tie *ties_of(const double *chance, const uint8_t *bad, uint32_t subjects, size_t *count)
{
    answered *all = malloc(((size_t)subjects + 1) * sizeof *all);
    rsi_tie *ties = malloc(((size_t)subjects + 1) * sizeof *ties);
    size_t answers = 0;
    *count = 0;
    if (all == NULL || ties == NULL) {
        free(all);
        free(ties);
        return NULL;
    }
    for (uint32_t v = 0; v < subjects; v++) {
        if (!isnan(chance[v])) {
            all[answers++] = (answered){chance[v], bad[v]};
        }
    }
    qsort(all, answers, sizeof *all, by_chance);
    for (size_t i = 0; i < answers; i++) {
        if (*count == 0 || ties[*count - 1].risk != all[i].chance) {
            ties[(*count)++] = (rsi_tie){.risk = all[i].chance};
        }
        ties[*count - 1].count++;
        ties[*count - 1].bad += all[i].bad;
    }
    free(all);
    return ties;
}

static void real_cell(rsi_table *cells, double value)
{
    if (isnan(value)) {
        rsi_table_cell(cells, "-");
    } else {
        rsi_table_cell(cells, "%.4f", value);
    }
}

static void put_split(rsi_table *cells, const char *name, const rsi_tie *ties, size_t count)
{
    rsi_calibration c = rsi_calibration_of(ties, count, false);
    uint64_t accounts = 0;
    uint64_t bad = 0;
    for (size_t i = 0; i < count; i++) {
        accounts += ties[i].count;
        bad += ties[i].bad;
    }
    rsi_table_cell(cells, "%s", name);
    rsi_table_cell(cells, "%llu", (unsigned long long)accounts);
    rsi_table_cell(cells, "%llu", (unsigned long long)bad);
    real_cell(cells, rsi_average_precision(ties, count));
    real_cell(cells, rsi_auc(ties, count));
    real_cell(cells, c.brier);
    real_cell(cells, c.ece);
}

static void put_bins(rsi_table *cells, const rsi_calibration *c)
{
    rsi_table_cell(cells, "accounts");
    rsi_table_cell(cells, "mean risk");
    rsi_table_cell(cells, "bad");
    for (size_t i = 0; i < c->bin_count; i++) {
        rsi_table_cell(cells, "%llu", (unsigned long long)c->bins[i].count);
        rsi_table_cell(cells, "%.6f", c->bins[i].mean);
        rsi_table_cell(cells, "%.6f", (double)c->bins[i].bad / (double)c->bins[i].count);
    }
}

static rs_status print_figures(FILE *out, const rsi_learned *learned, const labels *l,
                               uint32_t subjects, rs_error *err)
{
    static const char *const heads[] = {"held out", "accounts", "bad", "average precision",
                                        "AUC",      "Brier",    "ECE"};
    rs_status status = RS_OK;
    size_t counts[2];
    rsi_tie *by_ring = ties_of(learned->by_ring, l->bad, subjects, &counts[0]);
    rsi_tie *by_time = ties_of(learned->by_time, l->bad, subjects, &counts[1]);
    rsi_table *splits = rsi_table_new("lrrrrrr");
    rsi_table *bins = rsi_table_new("rrr");
    if (by_ring == NULL || by_time == NULL || splits == NULL || bins == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (figures)");
        goto done;
    }
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        rsi_table_cell(splits, "%s", heads[i]);
    }
    put_split(splits, "by ring", by_ring, counts[0]);
    put_split(splits, "by time", by_time, counts[1]);
    rsi_calibration curve = rsi_calibration_of(by_ring, counts[0], false);
    put_bins(bins, &curve);
    RS_TRY(rsi_table_print(splits, out, 0, err));
    if (counts[1] == 0) {
        fprintf(out,
                "nobody was held out by time: fewer than %d bad accounts came among the last "
                "fifth, or too few accounts before\n",
                RSI_LATER_BAD_MIN);
    }
    fputs("\nreliability, held out by ring\n", out);
    RS_TRY(rsi_table_print(bins, out, 2, err));
done:
    rsi_table_free(splits);
    rsi_table_free(bins);
    free(by_ring);
    free(by_time);
    return status;
}

/* ---- files ----------------------------------------------------------------------------------- */

static rs_status write_model(rsi_model *model, const char *path, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer text = {0};
    rsi_out *out = NULL;
    RS_TRY(rsi_model_write(model, &text, err));
    RS_TRY(rsi_out_open(&out, path, err));
    rsi_out_bytes(out, (const char *)text.bytes, text.length);
    RS_TRY(rsi_out_commit(out, err));
done:
    rsi_out_close(out);
    rsi_buffer_free(&text);
    return rs_context(err, status, "model");
}

static rs_status write_table(const char *path, const rs_graph *graph, const rsi_features *features,
                             const rsi_learned *learned, const labels *l, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_out *out = NULL;
    rs_ids *ids = NULL;
    if (path == NULL) {
        return RS_OK;
    }
    RS_TRY(rsi_subject_ids(graph, &ids, err));
    RS_TRY(rsi_out_open(&out, path, err));
    rsi_out_string(out, "type,id,fold,bad,held_out");
    for (size_t c = 0; c < features->count; c++) {
        rsi_out_string(out, ",");
        rsi_out_csv(out, rsi_text(features->all[c].name));
    }
    rsi_out_string(out, "\n");
    for (uint32_t v = 0; v < features->subjects; v++) {
        if (l->left_out[v]) {
            continue;
        }
        rsi_put_subject(out, graph, ids, v);
        rsi_out_string(out, ",");
        rsi_out_count(out, learned->fold[v]);
        rsi_out_string(out, l->bad[v] ? ",1" : ",0");
        rsi_put_real(out, learned->by_ring[v]);
        for (size_t c = 0; c < features->count; c++) {
            rsi_put_real(out, (double)features->all[c].values[v]);
        }
        rsi_out_string(out, "\n");
        RS_TRY(rsi_out_check(out, err));
    }
    RS_TRY(rsi_out_commit(out, err));
done:
    rsi_out_close(out);
    rs_ids_free(ids);
    return rs_context(err, status, "table");
}

/* ---- the command ----------------------------------------------------------------------------- */

static rs_status check_outputs(const rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    const options *o = call->options;
    const char *inputs[] = {o->truth, o->inputs.blacklist, o->inputs.whitelist, o->inputs.settings,
                            o->out};
    RS_TRY(rsi_check_file(o->out, "--out", err));
    RS_TRY(rsi_check_output(o->out, "--out", call->words[0], inputs, 4, err));
    RS_TRY(rsi_check_file(o->table, "--table", err));
    RS_TRY(rsi_check_output(o->table, "--table", call->words[0], inputs, 5, err));
done:
    return status;
}

/* The stages of a run, but for what it keeps. */
static rs_status run_stages(const rsi_call *call, rsi_stages *stages, rs_error *err)
{
    rs_status status = RS_OK;
    const options *o = call->options;
    rsi_setting_values values = rsi_setting_presets();
    if (o->inputs.settings != NULL) {
        RS_TRY(rsi_settings_file(&values, o->inputs.settings, err));
    }
    rsi_settings settings = rsi_settings_of(&values);
    settings.graph.as_of = o->inputs.as_of;
    RS_TRY(rsi_stages_start(stages, &settings, call->work, err));
    RS_TRY(rsi_stages_evidence(stages, call->words[0], &o->inputs, &settings, call->work, err));
    RS_TRY(rsi_stages_middle(stages, &settings, call->work, err));
    rs_network_free(&stages->network);
    RS_TRY(rsi_stages_score(stages, &settings, call->work, err));
done:
    return status;
}

static rs_status run(rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    const options *o = call->options;
    rsi_stages stages = {0};
    rsi_features features = {0};
    rsi_learned learned = {.by_ring = NULL};
    labels l = {.bad = NULL};
    rs_evaluate_options evaluate = RS_EVALUATE_DEFAULTS;
    rsi_case truth = {.options = &evaluate};
    rsi_learn_options learning = RSI_LEARN_DEFAULTS;
    learning.folds = (unsigned)o->folds;
    learning.seed = (uint32_t)o->seed;
    RS_TRY(check_outputs(call, err));
    RS_TRY(rsi_booster_check(err));
    RS_TRY(rsi_read_truth(&truth, o->truth, err));
    RS_TRY(run_stages(call, &stages, err));
    RS_TRY(make_labels(o, &stages, &truth, &l, err));
    RS_TRY(rsi_stages_features(&stages, call->work, &features, err));
    rsi_learn_input input = {.subject = o->subject,
                             .features = &features,
                             .bad = l.bad,
                             .left_out = l.left_out,
                             .group = l.group};
    RS_TRY(rsi_learn(&input, &learning, call->work, &learned, err));
    RS_TRY(write_table(o->table, stages.graph, &features, &learned, &l, err));
    RS_TRY(write_model(&learned.model, o->out, err));
    if (!call->quiet) {
        fprintf(call->out, "accounts %u, of them bad %zu, left out %zu; columns %zu\n",
                features.subjects, l.bad_count, l.left_out_count, features.count);
        if (l.missing_count > 0) {
            fprintf(call->out, "accounts of the truth that are not in the store: %zu\n",
                    l.missing_count);
        }
        RS_TRY(print_figures(call->out, &learned, &l, features.subjects, err));
    }
done:
    rsi_case_free(&truth);
    labels_free(&l);
    rsi_learned_free(&learned);
    rsi_features_free(&features);
    rsi_stages_free(&stages);
    return status;
}

const rsi_command rsi_command_learn = {
    .name = "learn",
    .summary = "make a model of risks from a store and the truth",
    .words = "STORE --truth FILE --out MODEL [options]",
    .about =
        "Learns, by XGBoost, from what a run finds and from whom the truth calls bad; prints how "
        "well that does on\nrings and on later accounts that were held out; writes the model, "
        "which `run --model` takes. Who is\non a list takes no part: the answer stands in the "
        "columns.",
    .word_min = 1,
    .word_max = 1,
    .options = table,
    .options_size = sizeof(options),
    .defaults = &defaults,
    .run = run,
};
