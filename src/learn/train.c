/* train.c - folds, forests side by side, calibration.
 *
 * Calibration is Platt's: chance = 1 / (1 + exp(-(offset + slope * margin))), fitted to the answers
 * of trees that had not seen the account, with his targets (N+ + 1) / (N+ + 2) and 1 / (N- + 2). It
 * keeps the order of accounts and the shares of columns, which isotonic steps would not, and needs
 * few bad accounts. Source: Platt 1999; Lin, Lin, Weng 2007 for the steps.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "learn/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/parallel.h"
#include "base/sort.h"
#include "base/try.h"
#include "learn/booster.h"

enum { BAD_MIN = 20, STEPS_MAX = 100, HONEST_PER_BAD = 20 };

/* Splits 0 .. folds - 1 hold one fold out, then all, then those that came last. */
typedef struct training {
    const rsi_learn_input *input;
    const rsi_learn_options *options;
    const rs_work *work;
    uint32_t subjects;
    unsigned splits;
    uint8_t *fold;
    uint8_t *later; /* by subject */
    bool has_later;
    double *base;        /* by split and bag */
    rsi_forest *forests; /* by split and bag */
} training;

static bool is_held_out(const training *t, unsigned split, uint32_t subject)
{
    if (split < t->options->folds) {
        return t->fold[subject] == split;
    }
    return split > t->options->folds && t->later[subject];
}

static double logit(double share)
{
    return log(share / (1 - share));
}

/* ---- one forest ------------------------------------------------------------------------------ */

static bool takes_part(const training *t, unsigned split, uint32_t subject)
{
    return !t->input->left_out[subject] && !is_held_out(t, split, subject);
}

/* All bad ones, and of the honest ones HONEST_PER_BAD times as many where there are more: a chance
 * draw, another one for each bag. What that does to the odds the calibration takes back. */
static size_t choose_rows(const training *t, unsigned split, unsigned bag, uint32_t *rows,
                          size_t *bad)
{
    size_t count = 0;
    size_t honest = 0;
    *bad = 0;
    for (uint32_t v = 0; v < t->subjects; v++) {
        *bad += takes_part(t, split, v) && t->input->bad[v];
        honest += takes_part(t, split, v) && !t->input->bad[v];
    }
    double share = (double)(*bad * HONEST_PER_BAD) / (double)(honest > 0 ? honest : 1);
    uint64_t below = share >= 1 ? UINT64_MAX : (uint64_t)(share * 0x1p64);
    for (uint32_t v = 0; v < t->subjects; v++) {
        uint64_t draw = rsi_hash64(&v, sizeof v, t->options->seed * 1000 + bag);
        if (takes_part(t, split, v) && (t->input->bad[v] || draw < below)) {
            rows[count++] = v;
        }
    }
    return count;
}

static void scale(rsi_forest *forest, unsigned bags)
{
    for (size_t i = 0; i < forest->count; i++) {
        for (uint32_t n = 0; n < forest->trees[i].count; n++) {
            rsi_tree_node *node = &forest->trees[i].nodes[n];
            node->value = node->left == 0 ? node->value / (float)bags : node->value;
        }
    }
}

static rs_status grow(void *context, size_t index, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    training *t = context;
    const rsi_learn_options *o = t->options;
    unsigned split = (unsigned)index / o->bags;
    unsigned bag = (unsigned)index % o->bags;
    size_t bad;
    if (split > o->folds && !t->has_later) {
        return RS_OK;
    }
    uint32_t *rows = malloc(((size_t)t->subjects + 1) * sizeof *rows);
    if (rows == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u rows)", t->subjects);
    }
    size_t count = choose_rows(t, split, bag, rows, &bad);
    rsi_boosting boosting = {.row_count = count,
                             .rows = rows,
                             .bad = t->input->bad,
                             .features = t->input->features,
                             .rounds = o->rounds,
                             .depth = o->depth,
                             .rate = o->rate,
                             .base = logit((double)bad / (double)count),
                             .seed = o->seed * 1000 + bag,
                             .work = worker == 0 ? t->work : NULL};
    RS_TRY(rsi_boost(&boosting, &t->forests[index], err));
    scale(&t->forests[index], o->bags);
    t->base[index] = boosting.base;
done:
    free(rows);
    return status;
}

static double base_of(const training *t, unsigned split)
{
    double sum = 0;
    for (unsigned bag = 0; bag < t->options->bags; bag++) {
        sum += t->base[split * t->options->bags + bag];
    }
    return sum / t->options->bags;
}

static double margin_of(const training *t, unsigned split, uint32_t subject)
{
    double margin = t->base[split];
    for (unsigned bag = 0; bag < t->options->bags; bag++) {
        margin += rsi_forest_margin(&t->forests[split * t->options->bags + bag], t->input->features,
                                    subject);
    }
    return margin;
}

/* ---- who is held out ---------------------------------------------------------------------------
 */

/* Bad rings are dealt out in turn, in an order by chance, so that every fold has as many as others;
 * who is honest goes where its own chance says. */
static rs_status deal_folds(training *t, rs_error *err)
{
    const rsi_learn_input *in = t->input;
    unsigned folds = t->options->folds;
    size_t count = 0;
    size_t rings = 0;
    rsi_record *records = malloc(((size_t)t->subjects + 1) * sizeof *records);
    rsi_record *scratch = malloc(((size_t)t->subjects + 1) * sizeof *scratch);
    rs_status status = records == NULL || scratch == NULL
                           ? rs_fail(err, RS_ENOMEM, "out of memory (%u subjects)", t->subjects)
                           : RS_OK;
    for (uint32_t v = 0; status == RS_OK && v < t->subjects; v++) {
        uint64_t hash = rsi_hash64(&in->group[v], sizeof in->group[v], t->options->seed);
        t->fold[v] = (uint8_t)(hash % folds);
        if (in->bad[v] && !in->left_out[v]) {
            records[count++] = (rsi_record){.key = hash, .value = v};
        }
    }
    if (status == RS_OK) {
        status = rsi_sort_records(records, count, scratch, err);
    }
    for (size_t i = 0; status == RS_OK && i < count; i++) {
        rings += i == 0 || records[i].key != records[i - 1].key;
        t->fold[records[i].value] = (uint8_t)((rings - 1) % folds);
    }
    if (status == RS_OK && rings < folds) {
        status = rs_fail(err, RS_EINPUT, "%zu bad rings are too few for %u folds", rings, folds);
    }
    free(records);
    free(scratch);
    return status;
}

static uint64_t place_in_time(int64_t time)
{
    return (uint64_t)time ^ (UINT64_C(1) << 63);
}

/* A ring is as old as its first member, be it one that takes no part. */
static rs_status find_later(training *t, rs_error *err)
{
    rs_status status = RS_OK;
    const int64_t *seen = t->input->features->first_seen;
    size_t count = 0;
    size_t bad[2] = {0, 0};
    size_t honest[2] = {0, 0};
    rsi_record *records = malloc(((size_t)t->subjects + 1) * sizeof *records);
    rsi_record *scratch = malloc(((size_t)t->subjects + 1) * sizeof *scratch);
    if (records == NULL || scratch == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u subjects)", t->subjects);
        goto done;
    }
    for (uint32_t v = 0; v < t->subjects; v++) {
        if (seen[v] != RS_NO_TIME && !t->input->left_out[v]) {
            records[count++] = (rsi_record){.key = place_in_time(seen[v]), .value = v};
        }
    }
    RS_TRY(rsi_sort_records(records, count, scratch, err));
    uint64_t cut = count > 0 ? records[count - count / 5 - (count < 5)].key : 0;
    for (uint32_t v = 0; v < t->subjects; v++) {
        t->later[v] = count > 0 && seen[v] != RS_NO_TIME && place_in_time(seen[v]) >= cut;
    }
    /* Groups that began before: by their hashes, in order. */
    for (uint32_t v = 0; v < t->subjects; v++) {
        records[v] = (rsi_record){.key = t->input->group[v], .value = v};
    }
    RS_TRY(rsi_sort_records(records, t->subjects, scratch, err));
    for (size_t from = 0, to; from < t->subjects; from = to) {
        bool all = true;
        for (to = from; to < t->subjects && records[to].key == records[from].key; to++) {
            all = all && t->later[records[to].value];
        }
        for (size_t i = from; i < to; i++) {
            t->later[records[i].value] = all;
        }
    }
    for (uint32_t v = 0; v < t->subjects; v++) {
        bad[t->later[v]] += t->input->bad[v] && !t->input->left_out[v];
        honest[t->later[v]] += !t->input->bad[v] && !t->input->left_out[v];
    }
    t->has_later = bad[0] >= BAD_MIN && honest[0] >= BAD_MIN && bad[1] >= RSI_LATER_BAD_MIN;
done:
    free(records);
    free(scratch);
    return status;
}

/* ---- calibration -------------------------------------------------------------------------------
 */

typedef struct fit {
    double slope, offset;
} fit;

/* The negative log-likelihood, its gradient and its second derivatives. */
typedef struct slopes {
    double loss, ds, do_, dss, dso, doo;
} slopes;

static slopes look(const training *t, const double *margin, fit f, double high, double low)
{
    slopes s = {0};
    for (uint32_t v = 0; v < t->subjects; v++) {
        if (t->input->left_out[v]) {
            continue;
        }
        double target = t->input->bad[v] ? high : low;
        double x = f.offset + f.slope * margin[v];
        double p = 1 / (1 + exp(-x));
        s.loss += x >= 0 ? (1 - target) * x + log1p(exp(-x)) : log1p(exp(x)) - target * x;
        double d = p - target;
        double w = p * (1 - p);
        s.ds += d * margin[v];
        s.do_ += d;
        s.dss += w * margin[v] * margin[v];
        s.dso += w * margin[v];
        s.doo += w;
    }
    return s;
}

/* Newton's steps, halved until the loss falls. */
static fit calibrate(const training *t, const double *margin, size_t bad, size_t good)
{
    fit f = {.slope = 1, .offset = 0};
    double high = ((double)bad + 1) / ((double)bad + 2);
    double low = 1 / ((double)good + 2);
    slopes at = look(t, margin, f, high, low);
    for (int step = 0; step < STEPS_MAX; step++) {
        double a = at.dss + 1e-9;
        double c = at.doo + 1e-9;
        double det = a * c - at.dso * at.dso;
        double ds = (c * at.ds - at.dso * at.do_) / det;
        double d_offset = (a * at.do_ - at.dso * at.ds) / det;
        double length = 1;
        fit next = f;
        slopes there = at;
        for (; length > 1e-6; length /= 2) {
            next = (fit){f.slope - length * ds, f.offset - length * d_offset};
            there = look(t, margin, next, high, low);
            if (there.loss < at.loss) {
                break;
            }
        }
        if (length <= 1e-6 || fabs(at.loss - there.loss) < 1e-10 * at.loss) {
            break;
        }
        f = next;
        at = there;
    }
    return f;
}

/* ---- all together ------------------------------------------------------------------------------
 */

static rs_status check_truth(const training *t, size_t *bad, size_t *good, rs_error *err)
{
    *bad = 0;
    *good = 0;
    for (uint32_t v = 0; v < t->subjects; v++) {
        *bad += !t->input->left_out[v] && t->input->bad[v];
        *good += !t->input->left_out[v] && !t->input->bad[v];
    }
    if (*bad < BAD_MIN || *good < BAD_MIN) {
        return rs_fail(err, RS_EINPUT,
                       "%zu bad and %zu honest accounts that are on no list: at least %d of each "
                       "are needed to learn from",
                       *bad, *good, BAD_MIN);
    }
    return RS_OK;
}

static rs_status make_arrays(training *t, rsi_learned *out, rs_error *err)
{
    size_t n = (size_t)t->subjects + 1;
    t->later = calloc(n, 1);
    t->fold = out->fold = calloc(n, 1);
    t->base = calloc((size_t)t->splits * t->options->bags, sizeof *t->base);
    t->forests = calloc((size_t)t->splits * t->options->bags, sizeof *t->forests);
    out->by_ring = malloc(n * sizeof *out->by_ring);
    out->by_time = malloc(n * sizeof *out->by_time);
    return t->later == NULL || t->fold == NULL || t->base == NULL || t->forests == NULL ||
                   out->by_ring == NULL || out->by_time == NULL
               ? rs_fail(err, RS_ENOMEM, "out of memory (%u subjects)", t->subjects)
               : RS_OK;
}

/* The forests of all rows become one; the names are the model's own. */
static rs_status make_model(training *t, rsi_model *model, rs_error *err)
{
    const rsi_features *features = t->input->features;
    model->base = base_of(t, t->options->folds);
    model->subject = strdup(t->input->subject);
    model->columns = calloc(features->count + 1, sizeof *model->columns);
    model->forest.trees =
        malloc((size_t)t->options->bags * t->options->rounds * sizeof *model->forest.trees);
    for (size_t c = 0; model->columns != NULL && c < features->count; c++) {
        model->columns[c] = strdup(features->all[c].name);
        if (model->columns[c] == NULL) {
            break;
        }
        model->column_count++;
    }
    if (model->subject == NULL || model->columns == NULL || model->column_count < features->count ||
        model->forest.trees == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (model)");
    }
    for (unsigned bag = 0; bag < t->options->bags; bag++) {
        rsi_forest *from = &t->forests[t->options->folds * t->options->bags + bag];
        memcpy(model->forest.trees + model->forest.count, from->trees,
               from->count * sizeof *from->trees);
        model->forest.count += from->count;
        from->count = 0; /* moved to the model */
    }
    return RS_OK;
}

static rs_status answer(training *t, size_t bad, size_t good, rsi_learned *out, rs_error *err)
{
    unsigned time_split = t->options->folds + 1;
    for (uint32_t v = 0; v < t->subjects; v++) {
        out->by_ring[v] = t->input->left_out[v] ? (double)NAN : margin_of(t, t->fold[v], v);
    }
    fit f = calibrate(t, out->by_ring, bad, good);
    if (!(f.slope > 0)) {
        return rs_fail(
            err, RS_EINPUT,
            "nothing could be learned: on rings that were held out the trees say no more "
            "than chance");
    }
    out->model.slope = f.slope;
    out->model.offset = f.offset;
    for (uint32_t v = 0; v < t->subjects; v++) {
        double later = t->has_later && t->later[v] && !t->input->left_out[v]
                           ? margin_of(t, time_split, v)
                           : (double)NAN;
        out->by_ring[v] = 1 / (1 + exp(-(f.offset + f.slope * out->by_ring[v])));
        out->by_time[v] = 1 / (1 + exp(-(f.offset + f.slope * later)));
    }
    return RS_OK;
}

rs_status rsi_learn(const rsi_learn_input *input, const rsi_learn_options *options,
                    const rs_work *work, rsi_learned *out, rs_error *err)
{
    rs_status status = RS_OK;
    size_t bad = 0;
    size_t good = 0;
    training t = {.input = input,
                  .options = options,
                  .work = work,
                  .subjects = input->features->subjects,
                  .splits = options->folds + 2};
    *out = (rsi_learned){0};
    RS_TRY(rsi_booster_check(err));
    RS_TRY(make_arrays(&t, out, err));
    RS_TRY(check_truth(&t, &bad, &good, err));
    RS_TRY(deal_folds(&t, err));
    RS_TRY(find_later(&t, err));
    RS_TRY(rsi_parallel(work, (size_t)t.splits * options->bags, grow, &t, err));
    RS_TRY(answer(&t, bad, good, out, err));
    RS_TRY(make_model(&t, &out->model, err));
done:
    for (size_t i = 0; t.forests != NULL && i < (size_t)t.splits * options->bags; i++) {
        rsi_forest_free(&t.forests[i]);
    }
    free(t.forests);
    free(t.base);
    free(t.later);
    if (status != RS_OK) {
        rsi_learned_free(out);
    }
    return status;
}

void rsi_learned_free(rsi_learned *learned)
{
    rsi_model_free(&learned->model);
    free(learned->by_ring);
    free(learned->by_time);
    free(learned->fold);
    *learned = (rsi_learned){0};
}
