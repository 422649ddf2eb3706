/* ringid.c - ids of rings.
 *
 * The hash is XXH3-64, chained: each piece is hashed with the hash so far as its seed, so that the
 * borders between pieces count ("ab","c" is not "a","bc"; XXH3 takes a piece's length in). It is
 * written in Crockford's base 32, lower case: 4 bits in the first character, 5 in each of the
 * others. At a million rings the odds that two of them share an id are 1 : 37 million.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/ringid.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

static const char DIGITS[] = "0123456789abcdefghjkmnpqrstvwxyz";

static int compare_text(rs_text a, rs_text b)
{
    size_t shared = a.length < b.length ? a.length : b.length;
    shared = a.bytes == b.bytes ? 0 : shared; /* types mostly are the same text */
    int order = shared > 0 ? memcmp(a.bytes, b.bytes, shared) : 0;
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

static int compare_names(const void *a, const void *b)
{
    const rsi_ring_name *left = a;
    const rsi_ring_name *right = b;
    int order = compare_text(left->type, right->type);
    return order != 0 ? order : compare_text(left->id, right->id);
}

static uint64_t hash_number(uint64_t number, uint64_t seed)
{
    unsigned char bytes[8]; /* little endian on every machine */
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)(number >> (8 * i));
    }
    return rsi_hash64(bytes, sizeof bytes, seed);
}

void rsi_ring_id(int64_t as_of, rsi_ring_name *members, size_t count,
                 char id[RSI_RING_ID_LENGTH + 1])
{
    if (count > 1) {
        qsort(members, count, sizeof *members, compare_names);
    }
    uint64_t hash = hash_number(count, hash_number((uint64_t)as_of, 0));
    for (size_t i = 0; i < count; i++) {
        hash = rsi_hash64(members[i].type.bytes, members[i].type.length, hash);
        hash = rsi_hash64(members[i].id.bytes, members[i].id.length, hash);
    }
    rsi_ring_id_write(hash, id);
}

void rsi_ring_id_write(uint64_t number, char id[RSI_RING_ID_LENGTH + 1])
{
    memcpy(id, "R-", 2);
    for (size_t i = RSI_RING_ID_LENGTH; i-- > 2; number >>= 5) {
        id[i] = DIGITS[number & 31];
    }
    id[RSI_RING_ID_LENGTH] = '\0';
}

uint64_t rsi_ring_id_number(const char *id)
{
    uint64_t number = 0;
    for (size_t i = 2; i < RSI_RING_ID_LENGTH; i++) {
        number = number << 5 | (uint64_t)(strchr(DIGITS, id[i]) - DIGITS);
    }
    return number;
}

bool rsi_ring_id_valid(rs_text text)
{
    if (text.length != RSI_RING_ID_LENGTH || memcmp(text.bytes, "R-", 2) != 0) {
        return false;
    }
    for (size_t i = 2; i < text.length; i++) {
        if (text.bytes[i] == '\0' || strchr(DIGITS, text.bytes[i]) == NULL) {
            return false;
        }
    }
    return strchr(DIGITS, text.bytes[2]) < DIGITS + 16;
}

/* The digit that a letter stands for; what none of them is stays as it is. */
static char digit_of(char letter)
{
    char lower = letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
    return lower == 'o' ? '0' : lower == 'i' || lower == 'l' ? '1' : lower;
}

bool rsi_ring_id_read(rs_text text, char id[RSI_RING_ID_LENGTH + 1])
{
    if (text.length != RSI_RING_ID_LENGTH) {
        return false;
    }
    id[0] = text.bytes[0] == 'r' ? 'R' : text.bytes[0];
    for (size_t i = 1; i < RSI_RING_ID_LENGTH; i++) {
        id[i] = digit_of(text.bytes[i]);
    }
    id[RSI_RING_ID_LENGTH] = '\0';
    return rsi_ring_id_valid((rs_text){id, RSI_RING_ID_LENGTH});
}
