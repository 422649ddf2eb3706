/* calibration.c - Brier score, reliability curve, expected calibration error.
 *
 * Bins of accounts hold equal numbers, not equal spans of risk: where one account in a thousand is
 * bad, spans would put nearly all of them into one bin. Bins of rings are spans: of the few that
 * matter each is worth a look. Who has one risk stands in one bin.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "lab/calibration.h"

#include <math.h>

static unsigned span_of(double risk)
{
    return risk >= 1 ? RSI_RELIABILITY_MAX - 1 : (unsigned)(risk * RSI_RELIABILITY_MAX);
}

rsi_calibration rsi_calibration_of(const rsi_tie *ties, size_t tie_count, bool by_span)
{
    rsi_calibration c = {.brier = 0};
    double all = 0;
    double before = 0;
    size_t tenths = 0; /* of all that are in bins */
    for (size_t i = 0; i < tie_count; i++) {
        all += (double)ties[i].count;
    }
    rsi_reliability *bin = &c.bins[0];
    for (size_t i = 0; i < tie_count; i++) {
        double risk = ties[i].risk;
        double bad = (double)ties[i].bad;
        double good = (double)(ties[i].count - ties[i].bad);
        c.brier += bad * (1 - risk) * (1 - risk) + good * risk * risk;
        bin->count += ties[i].count;
        bin->bad += ties[i].bad;
        bin->mean += risk * (double)ties[i].count;
        before += (double)ties[i].count;
        size_t reached = (size_t)(before * RSI_RELIABILITY_MAX / all);
        bool last = i + 1 == tie_count;
        if (last || (by_span ? span_of(ties[i + 1].risk) != span_of(risk) : reached > tenths)) {
            tenths = reached;
            bin->mean /= bin->count > 0 ? (double)bin->count : 1;
            c.ece += fabs(bin->mean * (double)bin->count - (double)bin->bad);
            c.bin_count++;
            bin = &c.bins[c.bin_count < RSI_RELIABILITY_MAX ? c.bin_count : 0];
        }
    }
    c.brier = all > 0 ? c.brier / all : (double)NAN;
    c.ece = all > 0 ? c.ece / all : (double)NAN;
    return c;
}
