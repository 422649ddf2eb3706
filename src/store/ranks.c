/* ranks.c - lists of u32 in a spill.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/ranks.h"

#include <assert.h>
#include <stdlib.h>

#include "base/try.h"

static uint64_t offset_of(const rsi_ranks *ranks, uint32_t place)
{
    return ranks->offset + place * (uint64_t)sizeof(uint32_t);
}

rs_status rsi_ranks_flush(const rsi_spill *spill, const rsi_ranks *ranks, rsi_ranks_window *window,
                          rs_error *err)
{
    assert(window->first + window->count <= ranks->count);
    rs_status status = rsi_spill_write(spill, offset_of(ranks, window->first), window->numbers,
                                       window->count * sizeof *window->numbers, err);
    window->first += window->count;
    window->count = 0;
    return status;
}

rs_status rsi_ranks_add(const rsi_spill *spill, const rsi_ranks *ranks, rsi_ranks_window *window,
                        uint32_t number, rs_error *err)
{
    window->numbers[window->count++] = number;
    return window->count == RSI_RANKS_WINDOW ? rsi_ranks_flush(spill, ranks, window, err) : RS_OK;
}

rs_status rsi_ranks_at(const rsi_spill *spill, const rsi_ranks *ranks, rsi_ranks_window *window,
                       uint32_t place, uint32_t *number, rs_error *err)
{
    rs_status status = RS_OK;
    assert(place < ranks->count);
    if (place < window->first || place - window->first >= window->count) {
        uint32_t left = ranks->count - place;
        window->first = place;
        window->count = left < RSI_RANKS_WINDOW ? left : RSI_RANKS_WINDOW;
        RS_TRY(rsi_spill_read(spill, offset_of(ranks, place), window->numbers,
                              window->count * sizeof *window->numbers, err));
    }
    *number = window->numbers[place - window->first];
done:
    return status;
}

rs_status rsi_ranks_load(const rsi_spill *spill, const rsi_ranks *ranks, uint32_t **numbers,
                         rs_error *err)
{
    size_t bytes = ranks->count * sizeof **numbers;
    *numbers = malloc(bytes + 1);
    if (*numbers == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (numbers of %u ids)", ranks->count);
    }
    return bytes == 0 ? RS_OK : rsi_spill_read(spill, ranks->offset, *numbers, bytes, err);
}
