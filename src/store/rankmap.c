/* rankmap.c - numbers that ascend, in the form of Elias and Fano.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/rankmap.h"

#include <assert.h>
#include <stdlib.h>

enum { SAMPLE = 64 };

rs_status rsi_rankmap_init(rsi_rankmap *map, uint32_t count, uint64_t limit, uint64_t likely,
                           rs_error *err)
{
    unsigned low_bits = 0;
    while (count > 0 && low_bits < 31 && likely >> (low_bits + 1) >= count) {
        low_bits++;
    }
    /* Pages of `upper` beyond the last number are never touched. */
    uint64_t upper_bits = (uint64_t)count + (limit >> low_bits) + 64;
    *map = (rsi_rankmap){.capacity = count, .low_bits = low_bits, .upper_bits = upper_bits};
    map->upper = calloc(upper_bits / 64 + 2, sizeof *map->upper);
    map->lower = calloc((uint64_t)count * low_bits / 64 + 2, sizeof *map->lower);
    map->samples = calloc(count / SAMPLE + 1, sizeof *map->samples);
    if (map->upper == NULL || map->lower == NULL || map->samples == NULL) {
        rsi_rankmap_free(map);
        return rs_fail(err, RS_ENOMEM, "out of memory (numbers of %u ids)", count);
    }
    return RS_OK;
}

void rsi_rankmap_free(rsi_rankmap *map)
{
    free(map->upper);
    free(map->lower);
    free(map->samples);
    *map = (rsi_rankmap){0};
}

void rsi_rankmap_add(rsi_rankmap *map, uint32_t number)
{
    uint64_t place = ((uint64_t)number >> map->low_bits) + map->count;
    assert(map->count < map->capacity && place < map->upper_bits);
    map->upper[place / 64] |= (uint64_t)1 << place % 64;
    if (map->count % SAMPLE == 0) {
        map->samples[map->count / SAMPLE] = place;
    }
    if (map->low_bits > 0) {
        uint64_t low = number & (((uint64_t)1 << map->low_bits) - 1);
        uint64_t at = (uint64_t)map->count * map->low_bits;
        map->lower[at / 64] |= low << at % 64;
        if (at % 64 + map->low_bits > 64) {
            map->lower[at / 64 + 1] |= low >> (64 - at % 64);
        }
    }
    map->count++;
}

/* How many bits of each byte are set, byte by byte. The plain instructions: most builds may not
 * count on the processor's own. */
static inline uint64_t bits_of_bytes(uint64_t word)
{
    word -= word >> 1 & 0x5555555555555555u;
    word = (word & 0x3333333333333333u) + (word >> 2 & 0x3333333333333333u);
    return (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fu;
}

static inline unsigned bits_set(uint64_t word)
{
    return (unsigned)(bits_of_bytes(word) * 0x0101010101010101u >> 56);
}

/* Where the bit after `skip` others stands in a word that has it. */
static inline unsigned bit_after(uint64_t word, unsigned skip)
{
    uint64_t sums = bits_of_bytes(word) * 0x0101010101010101u; /* of each byte and those below */
    /* The high bit of each byte whose sum is above `skip`; the lowest of them holds the bit. */
    uint64_t above =
        ((sums | 0x8080808080808080u) - (skip + 1) * 0x0101010101010101u) & 0x8080808080808080u;
    unsigned base = (unsigned)__builtin_ctzll(above) - 7;
    skip -= base == 0 ? 0 : (unsigned)(sums >> (base - 8) & 0xff);
    word >>= base;
    for (; skip > 0; skip--) {
        word &= word - 1;
    }
    return base + (unsigned)__builtin_ctzll(word);
}

/* Where the bit of the number at place i stands, `skip` others after that at `bit`. */
static inline uint64_t bit_of(const rsi_rankmap *map, uint64_t bit, unsigned skip)
{
    uint64_t at = bit / 64;
    uint64_t word = map->upper[at] & UINT64_MAX << bit % 64;
    unsigned ones = bits_set(word);
    while (ones <= skip) {
        skip -= ones;
        word = map->upper[++at];
        ones = bits_set(word);
    }
    return at * 64 + bit_after(word, skip);
}

static inline uint32_t number_of(const rsi_rankmap *map, uint64_t bit, uint32_t i)
{
    uint64_t low = 0;
    if (map->low_bits > 0) {
        uint64_t at = (uint64_t)i * map->low_bits;
        low = map->lower[at / 64] >> at % 64;
        low |= at % 64 == 0 ? 0 : map->lower[at / 64 + 1] << (64 - at % 64);
        low &= ((uint64_t)1 << map->low_bits) - 1;
    }
    return (uint32_t)((bit - i) << map->low_bits | low);
}

uint32_t rsi_rankmap_at(const rsi_rankmap *map, uint32_t i)
{
    return number_of(map, bit_of(map, map->samples[i / SAMPLE], i % SAMPLE), i);
}

uint32_t rsi_rankwalk_to(rsi_rankwalk *walk, uint32_t i)
{
    const rsi_rankmap *map = walk->map;
    uint32_t skip = i - walk->place;
    uint64_t word = 0;
    if (walk->begun && i >= walk->place && skip < 8) { /* most often in the same word */
        word = map->upper[walk->bit / 64] & UINT64_MAX << walk->bit % 64;
        for (uint32_t left = skip; left > 0; left--) {
            word &= word - 1;
        }
    }
    if (word != 0) {
        walk->bit = walk->bit / 64 * 64 + (unsigned)__builtin_ctzll(word);
    } else if (walk->begun && i >= walk->place && skip < SAMPLE) {
        walk->bit = bit_of(map, walk->bit, skip);
    } else {
        walk->bit = bit_of(map, map->samples[i / SAMPLE], i % SAMPLE);
    }
    walk->begun = true;
    walk->place = i;
    return number_of(map, walk->bit, i);
}

uint64_t rsi_rankmap_bytes(const rsi_rankmap *map)
{
    uint64_t last = map->count == 0 ? 0 : rsi_rankmap_at(map, map->count - 1);
    uint64_t bits = (uint64_t)map->count * (map->low_bits + 2) + (last >> map->low_bits);
    return bits / 8 + sizeof *map;
}
