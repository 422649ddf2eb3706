/* names.c - numbers -> ids of the shapes that real exports have: user names, customer numbers,
 * UUIDs, tokens.
 *
 * Invariant: different numbers of one type never give the same id. Every shape is a bijection of
 * the number, and shapes differ in length or in their first characters. Ids carry no locality:
 * neighbours in the world are nowhere near each other in the file.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "lab/world.h"

static size_t put_hex(char *out, uint64_t value, unsigned digits)
{
    for (unsigned i = 0; i < digits; i++) {
        out[i] = "0123456789abcdef"[(value >> (4 * (digits - 1 - i))) & 15];
    }
    return digits;
}

size_t rsi_put_decimal(char *out, uint64_t value)
{
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < count; i++) {
        out[i] = digits[count - 1 - i];
    }
    return count;
}

static size_t put_text(char *out, const char *text)
{
    size_t length = strlen(text);
    memcpy(out, text, length);
    return length;
}

static size_t put_base32(char *out, uint64_t value, unsigned digits)
{
    for (unsigned i = 0; i < digits; i++) {
        out[i] = "0123456789abcdefghjkmnpqrstvwxyz"[(value >> (5 * (digits - 1 - i))) & 31];
    }
    return digits;
}

/* 64 random-looking bits, then 60 that follow from them: version 4 as far as anybody can tell. */
static size_t put_uuid(char *out, uint64_t value)
{
    uint64_t more = rsi_mix64(value);
    char *at = out;
    at += put_hex(at, value >> 32, 8);
    *at++ = '-';
    at += put_hex(at, value >> 16, 4);
    at += put_text(at, "-4");
    at += put_hex(at, value >> 4, 3);
    *at++ = '-';
    *at++ = "89ab"[more >> 62];
    at += put_hex(at, more >> 48, 3);
    *at++ = '-';
    *at++ = "0123456789abcdef"[value & 15];
    at += put_hex(at, more, 11);
    return (size_t)(at - out);
}

size_t rsi_name_account(const rsi_world *world, uint32_t account, char *out)
{
    uint64_t number = world->number[account];
    uint64_t shape = rsi_mix64(number ^ world->keys[RSI_KEY_NAME]) % 10;
    if (shape < 5) {
        out[0] = 'u';
        return 1 +
               put_hex(out + 1, number * 0x9e3779b1u + 0x1f35u, 8); /* odd factor: a bijection */
    }
    if (shape < 8) {
        return rsi_put_decimal(out, 4000000000u + number * 7);
    }
    if (shape < 9) {
        return put_uuid(out, rsi_mix64(number ^ world->keys[RSI_KEY_NAME]));
    }
    size_t length = put_text(out, "acct_");
    return length + put_base32(out + length, rsi_mix64(number + world->keys[RSI_KEY_NAME]), 13);
}

static uint64_t thing(const rsi_world *world, uint64_t type, uint32_t number)
{
    return rsi_mix64((type << 32 | number) ^ world->keys[RSI_KEY_THING]);
}

size_t rsi_name_device(const rsi_world *world, uint32_t device, char *out)
{
    uint64_t bits = thing(world, 1, device);
    if (device % 10 < 6) {
        return put_uuid(out, bits);
    }
    return put_hex(out, bits, 16);
}

size_t rsi_name_card(const rsi_world *world, uint32_t card, char *out)
{
    size_t length = put_text(out, "card_");
    return length + put_base32(out + length, thing(world, 2, card), 13);
}

size_t rsi_name_phone(const rsi_world *world, uint32_t phone, char *out)
{
    uint32_t bits = (uint32_t)(phone * 0x9e3779b1u ^ (uint32_t)world->keys[RSI_KEY_THING]);
    size_t length = put_text(out, "+49");
    return length + rsi_put_decimal(out + length, 15000000000u + bits);
}

/* A bijection of 32 bits. */
static uint32_t scramble32(uint32_t x, uint64_t key)
{
    x ^= (uint32_t)key;
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    return (x ^ (x >> 16)) ^ (uint32_t)(key >> 32);
}

/* Not 0/8, 10/8, 100.64/10, 127/8, 169.254/16, 172.16/12, 192.168/16 or from 224 on. */
static bool is_public(uint32_t address)
{
    uint32_t top = address >> 24;
    return top != 0 && top != 10 && top != 127 && top < 224 && address >> 22 != 0x191 &&
           address >> 16 != 0xa9fe && address >> 20 != 0xac1 && address >> 16 != 0xc0a8;
}

size_t rsi_name_address(const rsi_world *world, uint32_t address, char *out)
{
    uint64_t bits = thing(world, 3, address);
    if (address % 13 == 5) {
        size_t length = put_text(out, "2a02:");
        for (unsigned i = 0; i < 4; i++) {
            length += put_hex(out + length, bits >> (48 - 16 * i), 4);
            out[length++] = ':';
        }
        return length + put_text(out + length, ":1");
    }
    /* It starts on a public address and walks until it falls on one: still a bijection. */
    uint32_t ip = 0x80000000u + address;
    do {
        ip = scramble32(ip, world->keys[RSI_KEY_THING]);
    } while (!is_public(ip));
    char *at = out;
    for (unsigned i = 0; i < 4; i++) {
        at += rsi_put_decimal(at, (ip >> (24 - 8 * i)) & 255);
        *at++ = '.';
    }
    return (size_t)(at - out) - 1;
}
