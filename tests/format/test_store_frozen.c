/* test_store_frozen.c - the store printed in docs/FORMAT.md is read as docs/FORMAT.md says, for
 * good.
 *
 * The test takes the manifest and the hex dumps out of the document, writes them as files and opens
 * them: a change of the format that forgets the old files, or the document, shows here.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "../unit/store/store_world.h"

static char path[256];

/* The text between the fences that follow the line that begins with `title`. */
static char *fenced(const char *document, const char *title)
{
    const char *at = strstr(document, title);
    assert_non_null(at);
    at = strstr(at, "```\n");
    assert_non_null(at);
    at += 4;
    const char *end = strstr(at, "```");
    assert_non_null(end);
    return strndup(at, (size_t)(end - at));
}

static void put_file(const char *name, const void *bytes, size_t length)
{
    char full[400];
    snprintf(full, sizeof full, "%s/%s", path, name);
    FILE *file = fopen(full, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

/* Lines as xxd -g1 prints them: an offset, up to 16 bytes, two spaces, text. */
static void put_dump(const char *document, const char *name)
{
    char title[100];
    unsigned char bytes[4096];
    size_t length = 0;
    snprintf(title, sizeof title, "`%s`,", name);
    if (strstr(document, title) == NULL) {
        snprintf(title, sizeof title, "`%s`:", name);
    }
    char *dump = fenced(document, title);
    char *line = dump;
    for (char *end = strchr(line, '\n'); end != NULL; line = end + 1, end = strchr(line, '\n')) {
        const char *at = strchr(line, ':') + 1;
        for (int i = 0; i < 16; i++, at += 3) {
            char hex[3] = {at[1], at[2], '\0'};
            if (at[0] != ' ' || at[1] == ' ') {
                break;
            }
            bytes[length++] = (unsigned char)strtoul(hex, NULL, 16);
        }
    }
    free(dump);
    put_file(name, bytes, length);
}

static void reads_the_store_in_the_document(void **state)
{
    static const char *const expected[] = {
        "node account 616e6e",
        "node account 626f62",
        "node device 6431",
        "node device 6432",
        "uses  616e6e 6431 1700000000 1 -9223372036854775808",
        "uses  626f62 6431 1700000060 1 -9223372036854775808",
        "uses  626f62 6432 1700000120 1 -9223372036854775808",
    };
    rs_error err = {0};
    world_lines lines = {0};
    static char document[1 << 16];
    (void)state;
    FILE *file = fopen(RS_SOURCE_DIR "/docs/FORMAT.md", "rb");
    assert_non_null(file);
    document[fread(document, 1, sizeof document - 1, file)] = '\0';
    fclose(file);
    world_path(path, "frozen");
    assert_int_equal(mkdir(path, 0777), 0);
    char *manifest = fenced(document, "a minute apart. `MANIFEST`");
    put_file("MANIFEST", manifest, strlen(manifest));
    free(manifest);
    put_dump(document, "b00000001-0000.dict");
    put_dump(document, "b00000001-0001.dict");
    put_dump(document, "b00000001-0000.edges");
    if (rs_store_verify(path, NULL, NULL, &err) != RS_OK ||
        world_dump(path, true, &lines, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(lines.count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < lines.count; i++) {
        assert_string_equal(lines.lines[i], expected[i]);
    }
    world_free(&lines);
    world_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_the_store_in_the_document)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
