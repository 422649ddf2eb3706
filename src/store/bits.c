/* bits.c - the bits of numbers below their leading one.
 *
 * Eight numbers at once where the processor has AVX2: two halves of four, each out of one load of
 * 16 bytes, from which a shuffle takes the four bytes that hold a number. One by one, two a load of
 * 8 bytes, everywhere else: the same arithmetic, so the same numbers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/bits.h"

#include "store/fast.h"

void rsi_bits_write(const uint64_t *values, const uint8_t *classes, size_t count, uint8_t *at)
{
    uint64_t pending = 0; /* bits not yet on a byte boundary: fewer than 8 */
    unsigned filled = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned width = classes[i] > 1 ? classes[i] - 1u : 0;
        uint64_t bits = values[i] & ~(UINT64_MAX << width);
        if (width > 56) { /* with up to 7 pending bits they would not fit into one word */
            pending |= (bits & UINT32_MAX) << filled;
            rsi_store_u64le(at, pending);
            at += 4;
            pending >>= 32;
            bits >>= 32;
            width -= 32;
        }
        pending |= bits << filled;
        rsi_store_u64le(at, pending);
        filled += width;
        at += filled >> 3;
        pending >>= filled & ~7u;
        filled &= 7;
    }
}

/* ---- read ---------------------------------------------------------------------------------- */

/* Numbers that are read, the place of the next one, and that of its bits. */
typedef struct reader {
    const uint8_t *bits;
    size_t length; /* bytes */
    const uint8_t *classes;
    size_t count;
    rsi_numbers to;
    unsigned largest; /* class */
    size_t i;
    size_t at; /* in bits */
} reader;

/* The up to 16 bytes from byte `at` on, zeros beyond `length`: the last few values only. */
static unsigned __int128 load_tail(const uint8_t *bytes, size_t length, size_t at)
{
    uint8_t copy[16] = {0};
    size_t left = at < length ? length - at : 0;
    if (left > 0) {
        memcpy(copy, bytes + at, left < sizeof copy ? left : sizeof copy);
    }
    return (unsigned __int128)rsi_load_u64le(copy + 8) << 64 | rsi_load_u64le(copy);
}

/* Bits below the leading one. */
RSI_INLINED unsigned width_of(unsigned class)
{
    return class - (class > 0);
}

/* A value of `class`, its `width` bits below the leading one at the bottom of `below`. */
RSI_INLINED uint64_t value_of(unsigned class, unsigned width, uint64_t below)
{
    return (below & (((uint64_t)1 << width) - 1)) | (uint64_t)(class > 0) << width;
}

/* As long as two numbers are in a word, and it does not reach beyond the bytes. */
RSI_INLINED void read_pairs(reader *r, rsi_numbers to)
{
    size_t at = r->at;
    size_t i = r->i;
    for (; i + 2 <= r->count && (at >> 3) + 8 <= r->length; i += 2) {
        unsigned first = width_of(r->classes[i]);
        unsigned second = width_of(r->classes[i + 1]);
        if (first + second > 57) { /* may lie across nine bytes */
            break;
        }
        uint64_t below = rsi_load_u64le(r->bits + (at >> 3)) >> (at & 7);
        rsi_put_into(to, i, value_of(r->classes[i], first, below));
        rsi_put_into(to, i + 1, value_of(r->classes[i + 1], second, below >> first));
        at += first + second;
    }
    r->at = at;
    r->i = i;
}

RSI_INLINED void read_pairs_of(reader *r)
{
    if (r->to.narrow != NULL) {
        read_pairs(r, (rsi_numbers){.narrow = r->to.narrow});
    } else {
        read_pairs(r, (rsi_numbers){.wide = r->to.wide});
    }
}

/* The numbers up to `end` in any case. */
static void read_slowly(reader *r, size_t end)
{
    for (; r->i < end; r->i++) {
        unsigned class = r->classes[r->i];
        unsigned width = width_of(class);
        uint64_t below = (uint64_t)(load_tail(r->bits, r->length, r->at >> 3) >> (r->at & 7));
        rsi_put_into(r->to, r->i, value_of(class, width, below));
        r->at += width;
    }
}

#if RSI_HAS_FAST
/* Four numbers have at most 7 + 4 x 25 bits, each lies within 4 bytes. */
enum { EIGHT_CLASS = 26 };

RSI_FAST static inline __m256i both(__m128i low, __m128i high)
{
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

/* Eight numbers of at most EIGHT_CLASS bits, as 32-bit ones; 32 bytes from *at on can be read. */
RSI_FAST static inline __m256i read_eight(const uint8_t *bits, const uint8_t *classes, size_t *at)
{
    const __m256i one = _mm256_set1_epi32(1);
    const __m256i spread = both(_mm_set_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0),
                                _mm_set_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0));
    __m256i class = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)classes));
    __m256i present = _mm256_min_epu32(class, one);
    __m256i width = _mm256_sub_epi32(class, present);
    __m256i end = _mm256_add_epi32(width, _mm256_slli_si256(width, 4)); /* of four and four */
    end = _mm256_add_epi32(end, _mm256_slli_si256(end, 8));
    size_t low = *at;
    size_t high = low + (uint32_t)_mm256_extract_epi32(end, 3);
    *at = high + (uint32_t)_mm256_extract_epi32(end, 7);
    __m256i bytes = both(_mm_loadu_si128((const __m128i *)(bits + (low >> 3))),
                         _mm_loadu_si128((const __m128i *)(bits + (high >> 3))));
    __m256i place = both(_mm_set1_epi32((int)(low & 7)), _mm_set1_epi32((int)(high & 7)));
    place = _mm256_add_epi32(place, _mm256_sub_epi32(end, width));
    __m256i from = _mm256_shuffle_epi8(_mm256_srli_epi32(place, 3), spread);
    from = _mm256_add_epi32(from, _mm256_set1_epi32(0x03020100));
    __m256i below = _mm256_shuffle_epi8(bytes, from);
    below = _mm256_srlv_epi32(below, _mm256_and_si256(place, _mm256_set1_epi32(7)));
    __m256i mask = _mm256_sub_epi32(_mm256_sllv_epi32(one, width), one);
    return _mm256_or_si256(_mm256_and_si256(below, mask), _mm256_sllv_epi32(present, width));
}

/* Groups of eight small numbers, up to the first that are not. */
RSI_FAST static void read_eights(reader *r)
{
    size_t at = r->at;
    size_t i = r->i;
    for (; i + 8 <= r->count && (at >> 3) + 32 <= r->length; i += 8) {
        __m256i numbers = read_eight(r->bits, r->classes + i, &at);
        if (r->to.narrow != NULL) {
            _mm256_storeu_si256((__m256i *)(r->to.narrow + i), numbers);
        } else {
            __m256i *wide = (__m256i *)(r->to.wide + i);
            _mm256_storeu_si256(wide, _mm256_cvtepu32_epi64(_mm256_castsi256_si128(numbers)));
            _mm256_storeu_si256(wide + 1,
                                _mm256_cvtepu32_epi64(_mm256_extracti128_si256(numbers, 1)));
        }
    }
    r->at = at;
    r->i = i;
}

RSI_FAST static void read_fast(reader *r)
{
    if (r->largest <= EIGHT_CLASS) {
        read_eights(r);
    }
    read_pairs_of(r);
}
#else
static void read_fast(reader *r)
{
    read_pairs_of(r);
}
#endif

/* Numbers as long as a load of 8 bytes is within the bytes. */
static void read_within(reader *r)
{
    bool fast = rsi_fast_here();
    for (;;) {
        if (fast) {
            read_fast(r);
        } else {
            read_pairs_of(r);
        }
        if (r->i + 2 > r->count || (r->at >> 3) + 8 > r->length) {
            break;
        }
        read_slowly(r, r->i + 2); /* two wide ones */
    }
}

size_t rsi_bits_read(const uint8_t *bits, size_t length, const uint8_t *classes, size_t count,
                     rsi_numbers to)
{
    uint8_t tail[64 + 32] = {0}; /* the last bytes, and zeros to load beyond them */
    reader r = {.bits = bits, .length = length, .classes = classes, .count = count, .to = to};
    for (size_t i = 0; i < count; i++) {
        r.largest = classes[i] > r.largest ? classes[i] : r.largest;
    }
    read_within(&r);
    size_t done = r.at >> 3;
    size_t left = done < length ? length - done : 0;
    if (r.i < count && left <= 64) {
        if (left > 0) {
            memcpy(tail, bits + done, left);
        }
        r.bits = tail;
        r.length = sizeof tail;
        r.at &= 7;
        read_within(&r);
        r.at += 8 * done;
        r.bits = bits;
        r.length = length;
    }
    read_slowly(&r, count);
    return r.at;
}
