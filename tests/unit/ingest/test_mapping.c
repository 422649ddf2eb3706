/* Mappings: what they may say, and that everything else is told with its place.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/mapping.h"

#include "../failing_memory.h"

static const char FULL[] =
    "{ \"time_unit\": \"ms\", \"subjects\": [\"account\", \"user\"], \"sources\": ["
    "  { \"match\": \"logins*.csv*\", \"time_unit\": \"s\", \"relations\": ["
    "    { \"name\": \"uses_ip\", \"kind\": \"shared\", \"as\": \"place\","
    "      \"src\": {\"type\": \"account\", \"column\": \"account\"},"
    "      \"dst\": {\"type_column\": \"kind\", \"column\": \"ip\"}, \"time\": \"ts\", \"key\": "
    "\"event\" } ] },"
    "  { \"match\": \"data/*.tsv\", \"format\": \"csv\", \"delimiter\": \";\", \"relations\": ["
    "    { \"name_column\": \"rel\", \"kinds\": {\"A\": \"shared\", \"B\": \"payment\", \"C\": "
    "\"shared\"},"
    "      \"as\": {\"C\": \"place\"},"
    "      \"types\": {\"A\": [\"a\", \"b\"], \"B\": [\"a\", \"a\"], \"C\": [\"a\", \"c\"]},"
    "      \"src\": {\"column\": \"x\"}, \"dst\": {\"column\": \"y\"}, \"time\": \"t\", "
    "\"time_unit\": \"hour\","
    "      \"amount\": \"m\", \"decimals\": 3, \"currency_column\": \"cur\" } ],"
    "    \"nodes\": [ { \"type\": \"a\", \"column\": \"x\", \"attributes\": [\"os\", \"y\"], "
    "\"time\": \"t\" } ] } ] }";

static void reads_all_that_a_mapping_may_say(void **state)
{
    (void)state;
    rsi_mapping *mapping = NULL;
    rs_error err = {0};
    rs_status status = rsi_mapping_parse(&mapping, "m", FULL, sizeof FULL - 1, &err);
    assert_string_equal(err.message, "");
    assert_int_equal(status, RS_OK);
    assert_int_equal(rsi_mapping_source_count(mapping), 2);
    assert_true(rsi_mapping_subject(mapping, "user", 4));
    assert_true(rsi_mapping_subject(mapping, "account", 7));
    assert_false(rsi_mapping_subject(mapping, "account", 6));
    const rsi_source *logins = rsi_mapping_source(mapping, 0);
    const rsi_relation_rule *uses = &logins->relations[0];
    assert_int_equal(logins->column_count, 5);
    assert_string_equal(uses->name, "uses_ip");
    assert_true(uses->place);
    assert_int_equal(uses->unit, RSI_UNIT_S);
    assert_string_equal(logins->columns[uses->dst.type_slot], "kind");
    assert_string_equal(logins->columns[uses->key_slot], "event");
    assert_int_equal(uses->amount_slot, RSI_NO_SLOT);
    const rsi_source *data = rsi_mapping_source(mapping, 1);
    const rsi_relation_rule *rule = &data->relations[0];
    assert_int_equal(data->delimiter, ';');
    assert_int_equal(rule->named_count, 3);
    assert_false(rule->named[0].place);
    assert_true(rule->named[2].place);
    assert_string_equal(rule->named[2].dst_type, "c");
    assert_int_equal(rule->unit, RSI_UNIT_HOUR);
    assert_int_equal(rule->decimals, 3);
    assert_string_equal(data->columns[rule->currency_slot], "cur");
    assert_int_equal(data->nodes[0].attribute_count, 2);
    assert_int_equal(data->nodes[0].attribute_slots[1], rule->dst.slot);
    assert_int_equal(data->nodes[0].unit, RSI_UNIT_MS);
    rsi_mapping_free(mapping);
}

static void matches_the_base_name_or_the_path(void **state)
{
    (void)state;
    rsi_mapping *mapping = NULL;
    assert_int_equal(rsi_mapping_parse(&mapping, "m", FULL, sizeof FULL - 1, NULL), RS_OK);
    assert_int_equal(rsi_mapping_match(mapping, "logins.csv"), 0);
    assert_int_equal(rsi_mapping_match(mapping, "/var/day 1/logins-01.csv.gz"), 0);
    assert_int_equal(rsi_mapping_match(mapping, "data/x.tsv"), 1);
    assert_int_equal(rsi_mapping_match(mapping, "x.tsv"), SIZE_MAX);
    assert_int_equal(rsi_mapping_match(mapping, "-"), SIZE_MAX);
    rsi_mapping_free(mapping);
}

#define IN_RELATION(text) "{\"sources\":[{\"match\":\"*\",\"relations\":[{" text "}]}]}"
#define ENDS              "\"src\":{\"type\":\"a\",\"column\":\"x\"},\"dst\":{\"type\":\"a\",\"column\":\"y\"}"
#define NAMED             "\"name\":\"r\",\"kind\":\"link\","
#define WHERE             "mapping \"m\": sources[0].relations[0]"

static void tells_the_place_of_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } rows[] = {
        {"{", "mapping m:1:2: expected a key in quotes"},
        {"{\"a\":1,\n\"a\":2}", "mapping m:2:1: key stands twice in this object"},
        {"{\"sources\":\"\\u0000\"}", "mapping \"m\": U+0000 (\\u0000) cannot stand in a mapping"},
        {"[]", "mapping \"m\": expected an object"},
        {"{}", "mapping \"m\": \"sources\" is missing"},
        {"{\"sources\":[]}", "mapping \"m\": sources: expected a list that is not empty"},
        {"{\"source\":[]}",
         "mapping \"m\": unknown key \"source\" (known: sources subjects time_unit)"},
        {"{\"time_unit\":\"min\",\"sources\":[]}",
         "mapping \"m\": time_unit: \"min\" is not one of s, ms, hour, day"},
        {"{\"subjects\":[1],\"sources\":[]}",
         "mapping \"m\": subjects[0]: expected the name of a node type"},
        {"{\"subjects\":\"a\",\"sources\":[]}",
         "mapping \"m\": subjects: expected a list that is not empty"},
        {"{\"sources\":[1]}", "mapping \"m\": sources[0]: expected an object"},
        {"{\"sources\":[{}]}",
         "mapping \"m\": sources[0]: \"match\" is missing (or \"query\", for a database)"},
        {"{\"sources\":[{\"match\":\"\"}]}",
         "mapping \"m\": sources[0].match: expected a text that is not empty"},
        {"{\"sources\":[{\"match\":\"*\"}]}",
         "mapping \"m\": sources[0]: expected \"relations\" or \"nodes\""},
        {"{\"sources\":[{\"match\":\"*\",\"format\":\"xml\"}]}",
         "mapping \"m\": sources[0].format: \"xml\" is not one of csv, jsonl"},
        {"{\"sources\":[{\"match\":\"*\",\"delimiter\":\"ab\"}]}",
         "mapping \"m\": sources[0].delimiter: expected one ASCII character, not a quote or an end "
         "of line"},
        {"{\"sources\":[{\"match\":\"*\",\"delimiter\":\"\\\"\"}]}",
         "mapping \"m\": sources[0].delimiter: expected one ASCII character, not a quote or an end "
         "of line"},
        {"{\"sources\":[{\"match\":\"*\",\"delimiter\":\"\xC3\xA9\"}]}",
         "mapping \"m\": sources[0].delimiter: expected one ASCII character, not a quote or an end "
         "of line"},
        {"{\"sources\":[{\"match\":\"*\",\"format\":\"jsonl\",\"delimiter\":\";\"}]}",
         "mapping \"m\": sources[0].delimiter: format \"jsonl\" has no delimiter"},
        {IN_RELATION("\"colour\":1"),
         WHERE ": unknown key \"colour\" (known: name name_column kind kinds as types src dst time "
               "time_unit amount decimals currency currency_column key)"},
        {IN_RELATION(""), WHERE ": expected \"name\" or \"name_column\""},
        {IN_RELATION("\"name\":\"r\",\"name_column\":\"c\""),
         WHERE ": expected \"name\" or \"name_column\", not both"},
        {IN_RELATION("\"name\":\"r\""), WHERE ": \"kind\" is missing"},
        {IN_RELATION("\"name\":\"r\",\"kind\":\"magic\""),
         WHERE ".kind: \"magic\" is not one of shared, payment, action, content, identity, link"},
        {IN_RELATION("\"name\":\"r\",\"kind\":5"),
         WHERE ".kind: expected a text that is not empty"},
        {IN_RELATION("\"name\":\"r\",\"kind\":\"link\",\"as\":\"place\""),
         WHERE ": \"as\" needs kind \"shared\", found \"link\""},
        {IN_RELATION("\"name\":\"r\",\"kind\":\"shared\",\"as\":\"x\""),
         WHERE ".as: \"x\" is not one of thing, place"},
        {IN_RELATION("\"name\":\"r\",\"kinds\":{}"),
         WHERE ": \"kinds\" and \"types\" go with \"name_column\""},
        {IN_RELATION("\"name_column\":\"r\""),
         WHERE ".kinds: expected a table of kinds by relation, beside \"name_column\""},
        {IN_RELATION("\"name_column\":\"r\",\"kind\":\"link\""),
         WHERE ": \"kind\" goes with \"name\"; with \"name_column\" say \"kinds\""},
        {IN_RELATION("\"name_column\":\"r\",\"kinds\":{\"A\":\"x\"}"),
         WHERE ".kinds.A: \"x\" is not one of shared, payment, action, content, identity, link"},
        {IN_RELATION("\"name_column\":\"r\",\"kinds\":{\"A\":\"link\"},\"as\":{\"A\":\"place\"}"),
         WHERE ".as: \"A\" is not a relation of kind \"shared\" in \"kinds\""},
        {IN_RELATION("\"name_column\":\"r\",\"kinds\":{\"A\":\"link\"},\"types\":{}"),
         WHERE ".types: \"A\" is in \"kinds\" but not here"},
        {IN_RELATION("\"name_column\":\"r\",\"kinds\":{\"A\":\"link\"},\"types\":{\"B\":[]}"),
         WHERE ".types: \"B\" is not in \"kinds\""},
        {IN_RELATION("\"name_column\":\"r\",\"kinds\":{\"A\":\"link\"},\"types\":{\"A\":[\"a\"]}"),
         WHERE ".types: \"A\": expected [source type, target type]"},
        {IN_RELATION("\"name_column\":\"r\",\"kinds\":{\"A\":\"link\"},\"types\":{\"A\":[\"a\","
                     "\"b\"]}," ENDS),
         WHERE ".src: the type is said in \"types\" already"},
        {IN_RELATION(NAMED "\"dst\":{}"), WHERE ": \"src\" is missing"},
        {IN_RELATION(NAMED "\"src\":{\"type\":\"a\"}"), WHERE ".src: \"column\" is missing"},
        {IN_RELATION(NAMED "\"src\":{\"column\":\"x\"}"),
         WHERE ".src: expected \"type\" or \"type_column\""},
        {IN_RELATION(NAMED "\"src\":{\"column\":\"x\",\"type\":\"a\",\"type_column\":\"t\"}"),
         WHERE ".src: expected \"type\" or \"type_column\", not both"},
        {IN_RELATION(NAMED "\"src\":{\"col\":\"x\"}"),
         WHERE ".src: unknown key \"col\" (known: type type_column column)"},
        {IN_RELATION(NAMED ENDS ",\"decimals\":2"),
         WHERE ": \"decimals\" and \"currency\" need an \"amount\""},
        {IN_RELATION(NAMED ENDS ",\"amount\":\"m\",\"decimals\":1.5"),
         WHERE ".decimals: expected a whole number from 0 to 18"},
        {IN_RELATION(NAMED ENDS ",\"amount\":\"m\",\"decimals\":19"),
         WHERE ".decimals: expected a whole number from 0 to 18"},
        {IN_RELATION(NAMED ENDS ",\"amount\":\"m\",\"decimals\":-1e99"),
         WHERE ".decimals: expected a whole number from 0 to 18"},
        {IN_RELATION(NAMED ENDS ",\"amount\":\"m\",\"currency\":\"EUR\",\"currency_column\":\"c\""),
         WHERE ": expected \"currency\" or \"currency_column\", not both"},
        {"{\"sources\":[{\"match\":\"*\",\"nodes\":[{\"type\":\"a\"}]}]}",
         "mapping \"m\": sources[0].nodes[0]: \"column\" is missing"},
        {"{\"sources\":[{\"match\":\"*\",\"nodes\":[{\"type\":\"a\",\"column\":\"x\","
         "\"attributes\":[1]}]}]}",
         "mapping \"m\": sources[0].nodes[0].attributes[0]: expected the name of a column"},
        {"{\"sources\":[{\"match\":\"*\",\"nodes\":[{\"type\":\"a\",\"column\":\"x\","
         "\"attributes\":[\"o\",\"o\"]}]}]}",
         "mapping \"m\": sources[0].nodes[0].attributes[1]: \"o\" stands twice"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rsi_mapping *mapping = NULL;
        rs_error err = {0};
        rs_status status =
            rsi_mapping_parse(&mapping, "m", rows[i].text, strlen(rows[i].text), &err);
        assert_string_equal(err.message, rows[i].message);
        assert_int_equal(status, RS_EUSAGE);
        assert_null(mapping);
    }
}

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    rs_status status = RS_ENOMEM;
    int failures = -1;
    for (int grants = 0; status == RS_ENOMEM; grants++) {
        rsi_mapping *mapping = NULL;
        rs_error err = {0};
        allowed = grants;
        status = rsi_mapping_parse(&mapping, "m", FULL, sizeof FULL - 1, &err);
        allowed = -1;
        rsi_mapping_free(mapping);
        failures++;
    }
    assert_int_equal(status, RS_OK);
    assert_true(failures > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_that_a_mapping_may_say),
        cmocka_unit_test(matches_the_base_name_or_the_path),
        cmocka_unit_test(tells_the_place_of_what_is_wrong),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
