/* evaluate.c - files into a case, a case into figures, figures into JSON.
 *
 * What every figure means stands in docs/DATASETS.md. SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/try.h"
#include "lab/figures.h"

static bool is_between(double x, double low, double high)
{
    return x >= low && x <= high; /* false for NaN */
}

static rs_status check_options(const rs_evaluate_options *o, rs_error *err)
{
    if (!is_between(o->suspect, 0, 1)) {
        return rs_fail(err, RS_EUSAGE, "suspect must be 0 to 1, not %g", o->suspect);
    }
    if (!is_between(o->overlap, 0.5, 1)) {
        return rs_fail(err, RS_EUSAGE, "overlap must be 0.5 to 1, not %g", o->overlap);
    }
    if (o->resamples > 1000000) {
        return rs_fail(err, RS_EUSAGE, "resamples must be at most 1000000, not %u", o->resamples);
    }
    if (o->subject == NULL || o->subject[0] == '\0') {
        return rs_fail(err, RS_EUSAGE, "no node type to rank");
    }
    return RS_OK;
}

uint64_t rsi_unnamed_accounts(const rsi_case *c)
{
    uint64_t named = c->account_ids.count;
    return c->options->account_count > named ? c->options->account_count - named : 0;
}

static rs_status read_all(rsi_case *c, const char *report, const char *truth, const rs_work *work,
                          rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_read_truth(c, truth, err));
    if (c->options->risks != NULL) {
        RS_TRY(rsi_read_risks(c, c->options->risks, err));
    }
    RS_TRY(rsi_read_report(c, report, work, err));
    if (c->options->blacklist != NULL) {
        RS_TRY(rsi_read_known(c, c->options->blacklist, err));
    }
    if (c->options->account_count > 0 && c->options->account_count < c->account_ids.count) {
        status = rs_fail(err, RS_EUSAGE, "%llu accounts in all, but the files name %u",
                         (unsigned long long)c->options->account_count, c->account_ids.count);
    }
done:
    return status;
}

static void count_accounts(const rsi_case *c, rsi_figures *f)
{
    f->account_count = c->account_ids.count + rsi_unnamed_accounts(c);
    for (uint32_t i = 0; i < c->account_ids.count; i++) {
        const rsi_account *account = &c->accounts[i];
        f->known_count += account->known ? 1 : 0;
        f->ring_account_count += account->ring != RSI_NO_ID ? 1 : 0;
        f->without_risk_count += c->options->risks != NULL && !account->ranked ? 1 : 0;
    }
}

static rs_status figure(const rsi_case *c, rsi_figures *f, uint32_t *match_of_ring,
                        const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    count_accounts(c, f);
    RS_TRY(rsi_figure_rings(c, f, match_of_ring, err));
    RS_TRY(rsi_figure_shares(c, match_of_ring, f, err));
    RS_TRY(rsi_figure_alarms(c, f, err));
    RS_TRY(rsi_figure_recall_intervals(c, match_of_ring, f, err));
    RS_TRY(rs_work_report(work, "evaluate", "figures", 1, 3, err));
    RS_TRY(rsi_figure_ranking(c, false, &f->without_known, err));
    RS_TRY(rs_work_report(work, "evaluate", "figures", 2, 3, err));
    RS_TRY(rsi_figure_ranking(c, true, &f->with_known, err));
done:
    return status;
}

rs_status rs_evaluate(const char *report_path, const char *truth_path,
                      const rs_evaluate_options *options, const rs_work *work, char **json,
                      rs_error *err)
{
    rs_status status = RS_OK;
    rsi_case c = {.options = options};
    rsi_figures f = {0};
    uint32_t *match_of_ring = NULL;
    RS_TRY(check_options(options, err));
    RS_TRY(read_all(&c, report_path, truth_path, work, err));
    match_of_ring = malloc(((size_t)c.ring_ids.count + 1) * sizeof *match_of_ring);
    if (match_of_ring == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u rings)", c.ring_ids.count);
        goto done;
    }
    RS_TRY(figure(&c, &f, match_of_ring, work, err));
    RS_TRY(rsi_figures_json(&c, &f, json, err));
done:
    free(match_of_ring);
    free(f.shares);
    free(f.alarms);
    rsi_case_free(&c);
    return rs_context(err, status, "evaluate");
}
