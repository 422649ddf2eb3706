/* lists.c - blacklist, whitelist, truth, mapping and README of a generated set.
 *
 * Rows stand in the order of the ids' permutation: an entry's place tells nothing.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "lab/world.h"

/* Days since 1970-01-01 -> a date (H. Hinnant's civil_from_days). */
void rsi_date(uint32_t day, char out[11])
{
    uint64_t z = (uint64_t)RSI_FIRST_NIGHT / RSI_DAY_S + day + 719468;
    uint64_t era = z / 146097;
    uint64_t doe = z - era * 146097;
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    uint64_t mp = (5 * doy + 2) / 153;
    uint64_t month = mp < 10 ? mp + 3 : mp - 9;
    uint64_t year = yoe + era * 400 + (month <= 2 ? 1 : 0);
    uint64_t date = doy - (153 * mp + 2) / 5 + 1;
    uint64_t parts[3] = {year % 10000, month, date};
    static const uint8_t at[3] = {0, 5, 8}, width[3] = {4, 2, 2};
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned k = width[i]; k > 0; k--) {
            out[at[i] + k - 1] = (char)('0' + parts[i] % 10);
            parts[i] /= 10;
        }
    }
    out[4] = '-';
    out[7] = '-';
    out[10] = '\0';
}

static void put_account(const rsi_world *world, uint32_t account, rsi_sheet *sheet)
{
    char *at = rsi_sheet_room(sheet, RSI_NAME_MAX);
    sheet->used += rsi_name_account(world, account, at);
}

/* ---- blacklist ---------------------------------------------------------------------------- */

/* The first `count` of a random order of the ring accounts, and honest ones beside. */
static uint64_t mark_listed(const rsi_world *world, uint8_t *listed)
{
    uint32_t rings = world->ring_account_count;
    double known = (double)rings * world->options.known_share;
    uint32_t known_count = (uint32_t)(known + 0.5);
    double noise = world->options.blacklist_noise;
    uint32_t wrong_count = (uint32_t)((double)known_count * noise / (1 - noise) + 0.5);
    rsi_permutation order;
    if (rings > 0) {
        rsi_permutation_make(&order, rings, world->keys[RSI_KEY_LIST]);
    }
    for (uint32_t i = 0; i < known_count; i++) {
        listed[world->shop_count + rsi_permute(&order, i)] = 1;
    }
    uint32_t first = world->shop_count + rings;
    uint32_t others = world->account_count - first;
    wrong_count = wrong_count < others ? wrong_count : others;
    if (wrong_count > 0) {
        rsi_permutation_make(&order, others, world->keys[RSI_KEY_LIST] + 1);
    }
    for (uint32_t i = 0; i < wrong_count; i++) {
        listed[first + rsi_permute(&order, i)] = 1;
    }
    return known_count + wrong_count;
}

static void put_listed(const rsi_world *world, uint32_t account, rsi_sheet *sheet)
{
    static const char *const reasons[] = {"chargeback", "confirmed fraud", "manual review",
                                          "police report"};
    static const char *const strengths[] = {"0.9", "1", "0.7", "1"};
    uint64_t draw = rsi_draw(world, RSI_KEY_LIST, account, 0);
    uint32_t history = RSI_HISTORY_DAYS * RSI_DAY_S;
    uint32_t joined = rsi_join_second(world, account);
    uint32_t from = joined > history ? (joined - history) / RSI_DAY_S : 0;
    char since[11];
    rsi_date(from + (uint32_t)(draw >> 32) % (world->options.nights - from), since);
    rsi_sheet_text(sheet, "account,");
    put_account(world, account, sheet);
    rsi_sheet_print(sheet, ",%s,%s,%s\n", reasons[draw % 4], strengths[draw % 4], since);
}

static rs_status write_blacklist(const rsi_world *world, const char *dir,
                                 rs_generate_result *result, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_sheet sheet = {0};
    uint8_t *listed = calloc(world->account_count, 1);
    if (listed == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u accounts)", world->account_count);
    }
    result->blacklist_count = mark_listed(world, listed);
    RS_TRY(rsi_sheet_open(&sheet, dir, "blacklist.csv", err));
    rsi_sheet_text(&sheet, "type,id,reason,strength,since\n");
    for (uint32_t i = 0; i < world->account_count; i++) {
        uint32_t account = (uint32_t)rsi_permute_back(&world->names, i);
        if (listed[account]) {
            put_listed(world, account, &sheet);
        }
    }
    RS_TRY(rsi_sheet_close(&sheet, err));
done:
    rsi_sheet_abandon(&sheet);
    free(listed);
    return status;
}

static rs_status write_whitelist(const rsi_world *world, const char *dir, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_sheet sheet = {0};
    char since[11];
    rsi_date(0, since);
    RS_TRY(rsi_sheet_open(&sheet, dir, "whitelist.csv", err));
    rsi_sheet_text(&sheet, "type,id,reason,strength,since\n");
    uint32_t shops = world->shop_count < 12 ? world->shop_count : 12;
    for (uint32_t i = 0; i < shops; i++) {
        rsi_sheet_text(&sheet, "account,");
        put_account(world, i, &sheet);
        rsi_sheet_print(&sheet, ",verified merchant,1,%s\n", since);
    }
    uint32_t employers = 0;
    for (uint32_t g = world->ring_count; g < world->group_count && employers < 8; g++) {
        if (world->groups[g].lookalike == RS_LOOKALIKE_PAYROLL) {
            rsi_sheet_text(&sheet, "account,");
            put_account(world, world->groups[g].first, &sheet);
            rsi_sheet_print(&sheet, ",verified employer,1,%s\n", since);
            employers++;
        }
    }
    RS_TRY(rsi_sheet_close(&sheet, err));
done:
    rsi_sheet_abandon(&sheet);
    return status;
}

/* ---- truth -------------------------------------------------------------------------------- */

static void put_truth(const rsi_world *world, uint32_t account, rsi_sheet *sheet)
{
    const rsi_group *g = rsi_group_of(world, account);
    bool shop = account < world->shop_count;
    if (g == NULL && !(shop && (world->options.lookalikes >> RS_LOOKALIKE_SHOP & 1) != 0)) {
        return;
    }
    put_account(world, account, sheet);
    if (g == NULL) {
        rsi_sheet_print(sheet, ",,,,head,shop,shop-%u\n", account + 1);
    } else if (g->ring) {
        rsi_sheet_print(sheet, ",ring-%u,%s,%s,%s,,\n", g->number, rs_ring_kind_name(g->kind),
                        rs_hiding_name(g->hiding), rsi_role(g, account - g->first));
    } else {
        const char *name = rs_lookalike_name(g->lookalike);
        rsi_sheet_print(sheet, ",,,,%s,%s,%s-%u\n", rsi_role(g, account - g->first), name, name,
                        g->number);
    }
}

static rs_status write_truth(const rsi_world *world, const char *dir, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_sheet sheet = {0};
    RS_TRY(rsi_sheet_open(&sheet, dir, "truth.csv", err));
    rsi_sheet_text(&sheet, "account,ring,kind,hiding,role,lookalike,group\n");
    for (uint32_t i = 0; i < world->account_count; i++) {
        put_truth(world, (uint32_t)rsi_permute_back(&world->names, i), &sheet);
    }
    RS_TRY(rsi_sheet_close(&sheet, err));
done:
    rsi_sheet_abandon(&sheet);
    return status;
}

rs_status rsi_write_lists(const rsi_world *world, const char *dir, rs_generate_result *result,
                          rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(write_blacklist(world, dir, result, err));
    RS_TRY(write_whitelist(world, dir, err));
    RS_TRY(write_truth(world, dir, err));
done:
    return status;
}

/* ---- mapping and README ------------------------------------------------------------------- */

static const char mapping_text[] =
    "{ \"sources\": [\n"
    "    { \"match\": \"logins*.csv*\",\n"
    "      \"relations\": [\n"
    "        { \"name\": \"uses_device\", \"kind\": \"shared\",\n"
    "          \"src\": {\"type\": \"account\", \"column\": \"account\"},\n"
    "          \"dst\": {\"type\": \"device\", \"column\": \"device\"}, \"time\": \"ts\" },\n"
    "        { \"name\": \"uses_address\", \"kind\": \"shared\", \"as\": \"place\",\n"
    "          \"src\": {\"type\": \"account\", \"column\": \"account\"},\n"
    "          \"dst\": {\"type\": \"address\", \"column\": \"ip\"}, \"time\": \"ts\" } ] },\n"
    "    { \"match\": \"instruments*.csv*\",\n"
    "      \"relations\": [\n"
    "        { \"name\": \"has_card\", \"kind\": \"shared\",\n"
    "          \"src\": {\"type\": \"account\", \"column\": \"account\"},\n"
    "          \"dst\": {\"type\": \"card\", \"column\": \"card\"}, \"time\": \"ts\" },\n"
    "        { \"name\": \"has_phone\", \"kind\": \"shared\",\n"
    "          \"src\": {\"type\": \"account\", \"column\": \"account\"},\n"
    "          \"dst\": {\"type\": \"phone\", \"column\": \"phone\"}, \"time\": \"ts\" } ] },\n"
    "    { \"match\": \"payments*.csv*\",\n"
    "      \"relations\": [\n"
    "        { \"name\": \"pays\", \"kind\": \"payment\",\n"
    "          \"src\": {\"type\": \"account\", \"column\": \"payer\"},\n"
    "          \"dst\": {\"type\": \"account\", \"column\": \"payee\"},\n"
    "          \"time\": \"ts\", \"amount\": \"amount\" } ] } ] }\n";

rs_status rsi_write_mapping(const char *dir, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_sheet sheet = {0};
    RS_TRY(rsi_sheet_open(&sheet, dir, "mapping.json", err));
    rsi_sheet_text(&sheet, mapping_text);
    RS_TRY(rsi_sheet_close(&sheet, err));
done:
    rsi_sheet_abandon(&sheet);
    return status;
}

/* A share as a decimal of six digits, without the C library's rounding. */
static void print_share(rsi_sheet *sheet, const char *name, double share)
{
    uint64_t ppm = (uint64_t)(share * 1e6 + 0.5);
    rsi_sheet_print(sheet, "| %s | %" PRIu64 ".%06" PRIu64 " |\n", name, ppm / 1000000,
                    ppm % 1000000);
}

static void print_masks(const rs_generate_options *o, rsi_sheet *sheet)
{
    rsi_sheet_text(sheet, "| ring kinds |");
    for (uint32_t k = 0; k < RS_RING_KIND_COUNT; k++) {
        if ((o->ring_kinds >> k & 1) != 0) {
            rsi_sheet_print(sheet, " %s", rs_ring_kind_name((rs_ring_kind)k));
        }
    }
    rsi_sheet_print(sheet, " |\n| hiding open:mixed:hidden | %u:%u:%u |\n| look-alikes |",
                    o->hiding_weights[0], o->hiding_weights[1], o->hiding_weights[2]);
    for (uint32_t k = 0; k < RS_LOOKALIKE_COUNT; k++) {
        if ((o->lookalikes >> k & 1) != 0) {
            rsi_sheet_print(sheet, " %s", rs_lookalike_name((rs_lookalike)k));
        }
    }
    rsi_sheet_text(sheet, " |\n");
}

rs_status rsi_write_readme(const rsi_world *world, const char *dir,
                           const rs_generate_result *result, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_sheet sheet = {0};
    const rs_generate_options *o = &world->options;
    RS_TRY(rsi_sheet_open(&sheet, dir, "README.md", err));
    rsi_sheet_text(&sheet,
                   "# A generated data set\n\nMade by `ringscope generate`; nothing in it is "
                   "about real people. `truth.csv` is for `ringscope evaluate` alone.\n\n"
                   "| option | value |\n|---|---|\n");
    rsi_sheet_print(&sheet, "| accounts | %u |\n| nights | %u |\n| seed | %" PRIu64 " |\n",
                    world->account_count, o->nights, o->seed);
    rsi_sheet_print(&sheet, "| world | %u |\n| night folders | %s |\n| shuffled | %s |\n", o->world,
                    o->night_folders ? "yes" : "no", o->shuffled ? "yes" : "no");
    print_share(&sheet, "ring share", o->ring_share);
    print_share(&sheet, "known share", o->known_share);
    print_share(&sheet, "blacklist noise", o->blacklist_noise);
    print_masks(o, &sheet);
    rsi_sheet_print(&sheet,
                    "\n| what | count |\n|---|---|\n| logins | %" PRIu64
                    " |\n| instruments | %" PRIu64 " |\n| payments | %" PRIu64 " |\n",
                    result->login_count, result->instrument_count, result->payment_count);
    rsi_sheet_print(&sheet,
                    "| rings | %" PRIu64 " |\n| accounts in rings | %" PRIu64
                    " |\n| look-alike groups | %" PRIu64 " |\n| accounts in them | %" PRIu64
                    " |\n| blacklist entries | %" PRIu64 " |\n",
                    result->ring_count, result->ring_account_count, result->group_count,
                    result->group_account_count, result->blacklist_count);
    RS_TRY(rsi_sheet_close(&sheet, err));
done:
    rsi_sheet_abandon(&sheet);
    return status;
}
