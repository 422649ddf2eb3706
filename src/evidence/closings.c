/* closings.c - a set of pairs as a list that is put in order when it is full; 12 bytes a pair,
 * twice as much while they are noted.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/closings.h"

#include <stdlib.h>

#include "base/sort.h"
#include "base/try.h"

static rs_status settle(rsi_closings *c, rs_error *err)
{
    rs_status status = RS_OK;
    size_t kept = 0;
    RS_TRY(rsi_sort_u64(c->pairs, c->count, NULL, err));
    for (size_t i = 0; i < c->count; i++) {
        if (i == 0 || c->pairs[i] != c->pairs[i - 1]) {
            c->pairs[kept++] = c->pairs[i];
        }
    }
    c->count = kept;
done:
    return status;
}

static rs_status make_room(rsi_closings *c, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(settle(c, err));
    if (c->count >= c->room / 2) {
        size_t room = c->room == 0 ? 1024 : c->room * 2;
        uint64_t *pairs = realloc(c->pairs, room * sizeof *pairs);
        if (pairs == NULL) {
            status = rs_fail(err, RS_ENOMEM, "out of memory (%zu cycles)", room);
            goto done;
        }
        c->pairs = pairs;
        c->room = room;
    }
done:
    return status;
}

rs_status rsi_closings_note(rsi_closings *closings, uint32_t payer, uint32_t payee, rs_error *err)
{
    rs_status status = RS_OK;
    if (closings->count == closings->room) {
        RS_TRY(make_room(closings, err));
    }
    closings->pairs[closings->count++] = (uint64_t)payer << 32 | payee;
done:
    return status;
}

/* The pairs of the payers at hand. */
static rs_status count_part(void *context, const rs_timeline_part *part, rs_error *err)
{
    rsi_closings *c = context;
    uint64_t first = part->line->src_first;
    size_t begin = rsi_count_below(c->pairs, c->count, (first + part->from) << 32);
    (void)err;
    for (size_t i = begin, end; i < c->count; i = end) {
        uint64_t payer = c->pairs[i] >> 32;
        if (payer >= first + part->to) {
            break;
        }
        end = i + rsi_count_below(c->pairs + i, c->count - i, (payer + 1) << 32);
        uint32_t rank = (uint32_t)(payer - first);
        const rs_event *outs = rs_part_out(part, rank);
        for (uint32_t k = 0; k < rs_out_count(part->line, rank); k++) {
            uint64_t pair = payer << 32 | outs[k].node;
            size_t at = i + rsi_count_below(c->pairs + i, end - i, pair);
            if (at < end && c->pairs[at] == pair) {
                c->payments[at]++;
            }
        }
    }
    return RS_OK;
}

rs_status rsi_closings_count(rsi_closings *closings, const rs_timeline *line, rs_error *err)
{
    rs_status status = RS_OK;
    if (closings->count == 0) {
        return RS_OK;
    }
    RS_TRY(settle(closings, err));
    closings->payments = calloc(closings->count, sizeof *closings->payments);
    if (closings->payments == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu cycles)", closings->count);
        goto done;
    }
    RS_TRY(rs_timeline_each(line, RS_TIMELINE_OUT, count_part, closings, err));
done:
    return status;
}

uint32_t rsi_closings_of(const rsi_closings *closings, uint32_t payer, uint32_t payee)
{
    uint64_t pair = (uint64_t)payer << 32 | payee;
    return closings->payments[rsi_count_below(closings->pairs, closings->count, pair)];
}

void rsi_closings_free(rsi_closings *closings)
{
    free(closings->pairs);
    free(closings->payments);
    *closings = (rsi_closings){0};
}
