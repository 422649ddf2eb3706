/* amounts.c - a list of different amounts that grows by merging what is fresh into it, as much at a
 * time as it has already.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/amounts.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/try.h"

enum { FRESH_MIN = 1 << 20 };

/* The different ones of two ascending lists. */
static size_t count_different(const rsi_amounts *a)
{
    size_t different = a->count;
    size_t at = 0;
    for (size_t i = 0; i < a->fresh_count; i++) {
        if (i > 0 && a->fresh[i] == a->fresh[i - 1]) {
            continue;
        }
        while (at < a->count && a->values[at] < a->fresh[i]) {
            at++;
        }
        different += at == a->count || a->values[at] != a->fresh[i];
    }
    return different;
}

/* Merge what is fresh, which is in order, into `values` and `below`. */
static void merge(const rsi_amounts *a, uint64_t *values, uint64_t *below)
{
    size_t fresh = 0;
    size_t out = 0;
    for (size_t old = 0; old < a->count || fresh < a->fresh_count; out++) {
        bool known =
            old < a->count && (fresh == a->fresh_count || a->values[old] <= a->fresh[fresh]);
        values[out] = known ? a->values[old] : a->fresh[fresh];
        below[out] = (a->count > 0 ? a->below[old] : 0) + fresh;
        old += known;
        while (fresh < a->fresh_count && a->fresh[fresh] == values[out]) {
            fresh++;
        }
    }
    below[out] = a->total;
}

rs_status rsi_amounts_settle(rsi_amounts *amounts, rs_error *err)
{
    rs_status status = rsi_sort_u64(amounts->fresh, amounts->fresh_count, NULL, err);
    if (status != RS_OK) {
        return status;
    }
    size_t count = count_different(amounts);
    uint64_t *values = malloc((count + 1) * sizeof *values);
    uint64_t *below = malloc((count + 1) * sizeof *below);
    if (values == NULL || below == NULL) {
        free(values);
        free(below);
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu different amounts)", count);
    }
    merge(amounts, values, below);
    rsi_amounts left = {.total = amounts->total, .values = values, .below = below, .count = count};
    rsi_amounts_free(amounts);
    *amounts = left;
    return RS_OK;
}

rs_status rsi_amounts_add(rsi_amounts *amounts, uint64_t amount, rs_error *err)
{
    rs_status status = RS_OK;
    if (amounts->fresh_count == amounts->fresh_room) {
        if (amounts->fresh_count > 0) {
            RS_TRY(rsi_amounts_settle(amounts, err));
        }
        size_t room = amounts->count > FRESH_MIN ? amounts->count : FRESH_MIN;
        amounts->fresh = malloc(room * sizeof *amounts->fresh);
        if (amounts->fresh == NULL) {
            status = rs_fail(err, RS_ENOMEM, "out of memory (%zu amounts)", room);
            goto done;
        }
        amounts->fresh_room = room;
    }
    amounts->fresh[amounts->fresh_count++] = amount;
    amounts->total++;
done:
    return status;
}

void rsi_amounts_free(rsi_amounts *amounts)
{
    free(amounts->values);
    free(amounts->below);
    free(amounts->fresh);
    *amounts = (rsi_amounts){0};
}
