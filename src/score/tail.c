/* tail.c - empirical tails, continued by a robust Pareto fit.
 *
 * The rank alone cannot tell the largest of many equals from a value ten times the next: both are
 * one in n. So the upper fifth of the positive values is modelled as P(X >= x) = p_u
 * ((x+m)/(u+m))^-a with u the 0.8 quantile, m the median, p_u the share above u. The index a comes
 * from the median of ln((x+m)/(u+m)) over the values above u (its expectation under the model is ln
 * 2 / a): a median, not Hill's mean, so that rings in the tail do not make rings look normal until
 * they are half of it. A Pareto tail is the heavier choice; an exponential one would cry wolf at
 * the largest office.
 *
 * Few values leave the index in doubt: the deviation of a median of n exponential values is
 * 1/(ln 2 sqrt n) of it, so the index is divided by 1 + two such deviations; the heavier end of
 * what the data allow is taken. And it is at most INDEX_MAX: values that all but equal the start
 * of the tail (amounts that differ in the last bit of a sum) would otherwise make it boundless.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "score/tail.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { POSITIVE_MIN = 5, ABOVE_MIN = 5 };
#define DOUBT     2.9 /* 2 / ln 2 */
#define INDEX_MAX 20.0

typedef struct pareto {
    double start, middle; /* u, m */
    double share;         /* p_u, of the positive values */
    double index;         /* a; 0: no fit */
} pareto;

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The number of sorted values below x. */
static size_t below(const double *sorted, size_t count, double x)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sorted[middle] < x) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static double median(const double *sorted, size_t count)
{
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

static pareto fit(const double *sorted, size_t count)
{
    pareto tail = {.middle = median(sorted, count)};
    tail.start = sorted[(size_t)(0.8 * (double)(count - 1))];
    size_t above = below(sorted, count, nextafter(tail.start, INFINITY));
    size_t left = count - above;
    if (left < ABOVE_MIN) {
        return tail;
    }
    tail.share = (double)left / (double)count;
    /* The logarithm is monotone: the median of the logs is the mean of the logs of the middle two.
     */
    double base = tail.start + tail.middle;
    double low = log((sorted[above + (left - 1) / 2] + tail.middle) / base);
    double high = log((sorted[above + left / 2] + tail.middle) / base);
    double sure = 1 + DOUBT / sqrt((double)left);
    tail.index = fmin(INDEX_MAX, log(2.0) / fmax(1e-9, (low + high) / 2)) / sure;
    return tail;
}

static double share_of(double x, const double *sorted, size_t count, const pareto *tail)
{
    if (tail->index > 0 && x > tail->start) {
        return tail->share * pow((x + tail->middle) / (tail->start + tail->middle), -tail->index);
    }
    size_t as_much = count - below(sorted, count, x);
    return (double)(as_much > 0 ? as_much : 1) / (double)count;
}

rs_status rsi_tail_decades(const double *values, const uint8_t *counted, size_t count, double *out,
                           rs_error *err)
{
    double *sorted = malloc((count + 1) * sizeof *sorted);
    if (sorted == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu values)", count);
    }
    size_t positive = 0;
    size_t all = 0;
    for (size_t i = 0; i < count; i++) {
        bool counts = counted == NULL || counted[i];
        out[i] = 0;
        all += counts;
        if (values[i] > 0 && counts) {
            sorted[positive++] = values[i];
        }
    }
    if (positive >= POSITIVE_MIN) {
        qsort(sorted, positive, sizeof *sorted, ascending);
        pareto tail = fit(sorted, positive);
        double among_all = (double)positive / (double)all;
        for (size_t i = 0; i < count; i++) {
            if (values[i] > 0) {
                double share = among_all * share_of(values[i], sorted, positive, &tail);
                out[i] = -log10(fmax(share, 1e-30));
            }
        }
    } else {
        double rarity = positive > 0 ? log10((double)all / (double)positive) : 0;
        for (size_t i = 0; i < count; i++) {
            out[i] = values[i] > 0 ? rarity : 0;
        }
    }
    free(sorted);
    return RS_OK;
}
