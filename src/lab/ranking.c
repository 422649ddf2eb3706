/* ranking.c - accounts in the order of their risk, against the truth, with intervals by ring.
 *
 * A resample draws rings with replacement and keeps all honest accounts: what it needs is for each
 * bad account how many honest ones stand above it, so a resample costs the bad accounts alone.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "base/random.h"
#include "base/try.h"
#include "lab/figures.h"

struct entry {
    double risk;
    uint32_t ring; /* RSI_NO_ID: honest */
};

static int by_risk(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->risk != y->risk) {
        return x->risk > y->risk ? -1 : 1;
    }
    return x->ring < y->ring ? -1 : x->ring > y->ring ? 1 : 0; /* a tie's bad ones first */
}

struct ranks {
    struct entry *entries;
    size_t count;
    rsi_tie *ties;
    size_t tie_count;
    uint64_t unnamed;
};

static void collect(const rsi_case *c, bool with_known, struct ranks *r)
{
    for (uint32_t i = 0; i < c->account_ids.count; i++) {
        if (with_known || !c->accounts[i].known) {
            r->entries[r->count++] = (struct entry){c->accounts[i].risk, c->accounts[i].ring};
        }
    }
    if (r->count > 0) {
        qsort(r->entries, r->count, sizeof *r->entries, by_risk);
    }
}

static void tie_up(struct ranks *r)
{
    for (size_t i = 0; i < r->count; i++) {
        bool same = r->tie_count > 0 && r->ties[r->tie_count - 1].risk == r->entries[i].risk;
        if (!same) {
            r->ties[r->tie_count++] = (rsi_tie){.risk = r->entries[i].risk};
        }
        r->ties[r->tie_count - 1].count++;
        r->ties[r->tie_count - 1].bad += r->entries[i].ring != RSI_NO_ID ? 1 : 0;
    }
    if (r->unnamed > 0) { /* their risk is 0, below or beside the last */
        if (r->tie_count == 0 || r->ties[r->tie_count - 1].risk > 0) {
            r->ties[r->tie_count++] = (rsi_tie){0};
        }
        r->ties[r->tie_count - 1].count += r->unnamed;
    }
}

static void measure(const struct ranks *r, rsi_ranking *ranking)
{
    static const uint64_t at[RSI_AT_COUNT - 1] = {50, 100, 200, 500, 1000};
    for (size_t i = 0; i < r->tie_count; i++) {
        ranking->account_count += r->ties[i].count;
        ranking->bad_count += r->ties[i].bad;
    }
    ranking->average_precision = rsi_average_precision(r->ties, r->tie_count);
    ranking->average_precision_worst = rsi_average_precision_worst(r->ties, r->tie_count);
    ranking->auc = rsi_auc(r->ties, r->tie_count);
    ranking->calibration = rsi_calibration_of(r->ties, r->tie_count, false);
    for (size_t i = 0; i < RSI_AT_COUNT; i++) {
        ranking->at[i] = i < RSI_AT_COUNT - 1 ? at[i] : ranking->bad_count;
        ranking->precision[i] = rsi_precision_at(r->ties, r->tie_count, ranking->at[i]);
    }
}

/* ---- intervals ---------------------------------------------------------------------------- */

void rsi_resample(uint64_t seed, uint32_t number, uint32_t count, uint32_t *times)
{
    rsi_random random;
    rsi_random_seed(&random, seed, number);
    for (uint32_t i = 0; i < count; i++) {
        times[i] = 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        times[rsi_random_below(&random, count)]++;
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

/* Resamples without a bad account have no figure and are left out. */
rsi_interval rsi_interval_of(double *values, size_t count)
{
    size_t good = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isnan(values[i])) {
            values[good++] = values[i];
        }
    }
    if (good == 0) {
        return (rsi_interval){(double)NAN, (double)NAN};
    }
    qsort(values, good, sizeof *values, by_value);
    size_t low = (good - 1) * 25 / 1000;
    return (rsi_interval){values[low], values[good - 1 - low]};
}

struct folded {
    rsi_tie *ties; /* honest ones between, then the tie that has bad ones, and so on */
    size_t tie_count;
    uint64_t *honest; /* by tie: accounts that no resample moves */
    uint32_t *rings;  /* of the bad ones, tie by tie */
    size_t *ends;     /* of each tie in `rings` */
};

static void fold(const struct ranks *r, struct folded *f)
{
    uint64_t between = 0;
    size_t entry = 0, bad = 0;
    for (size_t i = 0; i < r->tie_count; i++) {
        const rsi_tie *tie = &r->ties[i];
        size_t named = 0;
        if (tie->bad == 0) {
            between += tie->count;
        } else {
            f->honest[f->tie_count] = between;
            f->ends[f->tie_count++] = bad;
            between = 0;
            for (; named < tie->bad; named++) {
                f->rings[bad++] = r->entries[entry + named].ring;
            }
            f->honest[f->tie_count] = tie->count - tie->bad;
            f->ends[f->tie_count++] = bad;
        }
        while (entry < r->count && r->entries[entry].risk == tie->risk) {
            entry++;
        }
    }
    f->honest[f->tie_count] = between;
    f->ends[f->tie_count++] = bad;
}

/* Empty ties count nothing: the measures step over them. */
static void weigh(struct folded *f, const uint32_t *times)
{
    size_t at = 0;
    for (size_t i = 0; i < f->tie_count; i++) {
        uint64_t bad = 0;
        for (; at < f->ends[i]; at++) {
            bad += times[f->rings[at]];
        }
        f->ties[i] = (rsi_tie){.count = f->honest[i] + bad, .bad = bad};
    }
}

static rs_status resample(const rsi_case *c, const struct ranks *r, rsi_ranking *ranking,
                          rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t resamples = c->options->resamples;
    size_t most = 2 * (size_t)ranking->bad_count + 2;
    struct folded f = {0};
    f.ties = calloc(most, sizeof *f.ties);
    f.honest = calloc(most, sizeof *f.honest);
    f.ends = calloc(most, sizeof *f.ends);
    f.rings = calloc(most, sizeof *f.rings);
    uint32_t *times = calloc((size_t)c->ring_ids.count + 1, sizeof *times);
    double *values = calloc(2 * (size_t)resamples + 2, sizeof *values);
    if (f.ties == NULL || f.honest == NULL || f.ends == NULL || f.rings == NULL || times == NULL ||
        values == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (resampling)");
        goto done;
    }
    fold(r, &f);
    for (uint32_t i = 0; i < resamples; i++) {
        rsi_resample(c->options->seed, i, c->ring_ids.count, times);
        weigh(&f, times);
        values[i] = rsi_average_precision(f.ties, f.tie_count);
        values[resamples + i] = rsi_auc(f.ties, f.tie_count);
    }
    ranking->average_precision_interval = rsi_interval_of(values, resamples);
    ranking->auc_interval = rsi_interval_of(values + resamples, resamples);
done:
    free(f.ties);
    free(f.honest);
    free(f.ends);
    free(f.rings);
    free(times);
    free(values);
    return status;
}

rs_status rsi_figure_ranking(const rsi_case *c, bool with_known, rsi_ranking *ranking,
                             rs_error *err)
{
    rs_status status = RS_OK;
    struct ranks r = {.unnamed = rsi_unnamed_accounts(c)};
    const rsi_interval none = {(double)NAN, (double)NAN};
    *ranking = (rsi_ranking){.average_precision_interval = none, .auc_interval = none};
    r.entries = malloc(((size_t)c->account_ids.count + 1) * sizeof *r.entries);
    r.ties = malloc(((size_t)c->account_ids.count + 1) * sizeof *r.ties);
    if (r.entries == NULL || r.ties == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u accounts)", c->account_ids.count);
        goto done;
    }
    collect(c, with_known, &r);
    tie_up(&r);
    measure(&r, ranking);
    if (ranking->bad_count > 0 && c->options->resamples > 0) {
        RS_TRY(resample(c, &r, ranking, err));
    }
done:
    free(r.entries);
    free(r.ties);
    return status;
}
