/* measure.c - average precision, AUC, precision at k with ties in closed form; bipartite matching.
 *
 * In a tie of m with p bad ones after c others of which P are bad, place i is bad with chance p/m,
 * and then has P + 1 + (i-1)(p-1)/(m-1) bad ones up to it. Summed over i with harmonic numbers H:
 *
 *   (p/m) [ B m + (P + 1 - B (c+1)) (H(c+m) - H(c)) ],  B = (p-1)/(m-1)
 *
 * Matching: breadth-first augmenting paths (Kuhn, Berge).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "lab/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* H(n) for n > 0 without a table: its asymptotic series, error below 1e-16 from n = 64 on. */
static double harmonic(uint64_t n)
{
    double x = (double)n;
    double y = 1 / (x * x);
    return log(x) + 0.57721566490153286061 + 0.5 / x - y / 12 + y * y / 120;
}

/* 1/(from+1) + ... + 1/(from+count) */
static double harmonic_between(uint64_t from, uint64_t count)
{
    double sum = 0;
    uint64_t direct = count <= 256 ? count : from < 64 ? 64 - from : 0;
    for (uint64_t i = 1; i <= direct; i++) {
        sum += 1 / (double)(from + i);
    }
    if (direct < count) {
        sum += harmonic(from + count) - harmonic(from + direct);
    }
    return sum;
}

static uint64_t bad_in_all(const rsi_tie *ties, size_t tie_count)
{
    uint64_t bad = 0;
    for (size_t i = 0; i < tie_count; i++) {
        bad += ties[i].bad;
    }
    return bad;
}

double rsi_average_precision(const rsi_tie *ties, size_t tie_count)
{
    double sum = 0;
    uint64_t before = 0, bad_before = 0;
    for (size_t i = 0; i < tie_count; i++) {
        double m = (double)ties[i].count, p = (double)ties[i].bad;
        if (ties[i].bad > 0) {
            double slope = ties[i].count > 1 ? (p - 1) / (m - 1) : 0;
            double start = (double)bad_before + 1 - slope * ((double)before + 1);
            sum += p / m * (slope * m + start * harmonic_between(before, ties[i].count));
        }
        before += ties[i].count;
        bad_before += ties[i].bad;
    }
    return bad_before == 0 ? (double)NAN : sum / (double)bad_before;
}

double rsi_average_precision_worst(const rsi_tie *ties, size_t tie_count)
{
    double sum = 0;
    uint64_t before = 0, bad_before = 0;
    for (size_t i = 0; i < tie_count; i++) {
        uint64_t good = ties[i].count - ties[i].bad;
        for (uint64_t k = 1; k <= ties[i].bad; k++) {
            sum += (double)(bad_before + k) / (double)(before + good + k);
        }
        before += ties[i].count;
        bad_before += ties[i].bad;
    }
    return bad_before == 0 ? (double)NAN : sum / (double)bad_before;
}

double rsi_auc(const rsi_tie *ties, size_t tie_count)
{
    double won = 0;
    uint64_t good_before = 0, all = 0;
    for (size_t i = 0; i < tie_count; i++) {
        all += ties[i].count;
    }
    uint64_t bad = bad_in_all(ties, tie_count);
    uint64_t good = all - bad;
    for (size_t i = 0; i < tie_count; i++) {
        uint64_t good_here = ties[i].count - ties[i].bad;
        uint64_t good_after = good - good_before - good_here;
        won += (double)ties[i].bad * ((double)good_after + 0.5 * (double)good_here);
        good_before += good_here;
    }
    return bad == 0 || good == 0 ? (double)NAN : won / ((double)bad * (double)good);
}

double rsi_precision_at(const rsi_tie *ties, size_t tie_count, uint64_t k)
{
    uint64_t before = 0;
    double bad = 0;
    for (size_t i = 0; i < tie_count && before < k; i++) {
        uint64_t taken = ties[i].count < k - before ? ties[i].count : k - before;
        bad += ties[i].count == 0 ? 0 : (double)ties[i].bad * (double)taken / (double)ties[i].count;
        before += taken;
    }
    return k == 0 || before < k ? (double)NAN : bad / (double)k;
}

/* ---- matching ----------------------------------------------------------------------------- */

struct search {
    const uint64_t *offsets;
    const uint32_t *right;
    uint32_t *left_match, *right_match;
    uint32_t *queue;     /* left nodes */
    uint32_t *came_from; /* by right node: the left node that reached it */
    uint32_t *seen;      /* by right node: the root + 1 of the search that last saw it */
};

/* Turn the path that ends at right node `at` over, back to the root. */
static void augment(struct search *s, uint32_t at)
{
    while (at != UINT32_MAX) {
        uint32_t left = s->came_from[at];
        uint32_t next = s->left_match[left];
        s->left_match[left] = at;
        s->right_match[at] = left;
        at = next;
    }
}

static void search_from(struct search *s, uint32_t root)
{
    uint32_t head = 0, tail = 0;
    s->queue[tail++] = root;
    while (head < tail) {
        uint32_t left = s->queue[head++];
        for (uint64_t e = s->offsets[left]; e < s->offsets[left + 1]; e++) {
            uint32_t at = s->right[e];
            if (s->seen[at] == root + 1) {
                continue;
            }
            s->seen[at] = root + 1;
            s->came_from[at] = left;
            if (s->right_match[at] == UINT32_MAX) {
                augment(s, at);
                return;
            }
            s->queue[tail++] = s->right_match[at];
        }
    }
}

rs_status rsi_match(uint32_t left_count, const uint64_t *offsets, const uint32_t *right,
                    uint32_t right_count, uint32_t *left_match, uint32_t *right_match,
                    rs_error *err)
{
    /* The queue holds the root and at most one left node for every right one. */
    struct search s = {offsets, right, left_match, right_match, NULL, NULL, NULL};
    s.queue = malloc(((size_t)right_count + 1) * sizeof *s.queue);
    s.came_from = malloc(((size_t)right_count + 1) * sizeof *s.came_from);
    s.seen = calloc((size_t)right_count + 1, sizeof *s.seen);
    rs_status status = RS_OK;
    if (s.queue == NULL || s.came_from == NULL || s.seen == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (matching %u clusters)", left_count);
        goto done;
    }
    memset(left_match, 0xff, left_count * sizeof *left_match);
    memset(right_match, 0xff, right_count * sizeof *right_match);
    for (uint32_t root = 0; root < left_count; root++) {
        search_from(&s, root);
    }
done:
    free(s.queue);
    free(s.came_from);
    free(s.seen);
    return status;
}
