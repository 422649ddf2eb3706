/* shingles.c - shingles and their MinHash.
 *
 * Source: Broder 1997 (resemblance); Leskovec, Rajaraman and Ullman, Mining of Massive Datasets,
 * chapter 3 (bands).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/shingles.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/random.h"
#include "base/sort.h"
#include "base/try.h"

rs_status rsi_shingles_of(rs_text text, rsi_shingles *out, rs_error *err)
{
    rs_status status = RS_OK;
    size_t kept = 0;
    out->count = 0;
    RS_TRY(rsi_fold(text, &out->folded, err));
    out->characters = out->folded.count;
    size_t length = out->characters < RSI_SHINGLE ? out->characters : RSI_SHINGLE;
    size_t count = length == 0 ? 0 : out->characters - length + 1;
    if (count > out->room) {
        uint64_t *hashes = realloc(out->hashes, count * sizeof *hashes);
        if (hashes == NULL) {
            status = rs_fail(err, RS_ENOMEM, "out of memory (a text of %zu characters)", count);
            goto done;
        }
        out->hashes = hashes;
        out->room = count;
    }
    for (size_t i = 0; i < count; i++) {
        out->hashes[i] = rsi_hash64(out->folded.codes + i, length * sizeof *out->folded.codes, 0);
    }
    RS_TRY(rsi_sort_u64(out->hashes, count, NULL, err));
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || out->hashes[i] != out->hashes[kept - 1]) {
            out->hashes[kept++] = out->hashes[i];
        }
    }
    out->count = kept;
done:
    return status;
}

void rsi_shingles_free(rsi_shingles *shingles)
{
    free(shingles->hashes);
    free(shingles->folded.codes);
    *shingles = (rsi_shingles){0};
}

void rsi_shingles_bands(const rsi_shingles *shingles, uint32_t bands[RSI_BANDS])
{
    enum { ROWS = RSI_HASHES / RSI_BANDS };
    uint32_t factor[RSI_HASHES];
    uint32_t offset[RSI_HASHES];
    uint32_t least[RSI_HASHES];
    for (uint32_t h = 0; h < RSI_HASHES; h++) {
        uint64_t drawn = rsi_mix64(h + 1);
        factor[h] = (uint32_t)drawn | 1;
        offset[h] = (uint32_t)(drawn >> 32);
        least[h] = UINT32_MAX;
    }
    for (size_t i = 0; i < shingles->count; i++) {
        uint32_t low = (uint32_t)shingles->hashes[i];
        uint32_t high = (uint32_t)(shingles->hashes[i] >> 32);
        for (size_t h = 0; h < RSI_HASHES; h++) { /* low and high: orders that differ by more */
            uint32_t value = (low ^ offset[h]) * factor[h] + high;
            least[h] = value < least[h] ? value : least[h];
        }
    }
    for (size_t b = 0; b < RSI_BANDS; b++) {
        uint64_t key = b;
        for (size_t r = 0; r < ROWS; r++) {
            key = rsi_mix64(key ^ least[b * ROWS + r]);
        }
        bands[b] = (uint32_t)key;
    }
}

uint32_t rsi_shingles_jaccard(const rsi_shingles *a, const rsi_shingles *b)
{
    size_t common = 0;
    for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
        common += a->hashes[i] == b->hashes[j];
        bool first = a->hashes[i] <= b->hashes[j];
        j += a->hashes[i] >= b->hashes[j];
        i += first;
    }
    size_t all = a->count + b->count - common;
    return all > 0 ? (uint32_t)(((uint64_t)common << 20) / all) : 0;
}
