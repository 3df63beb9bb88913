/* core/host/elf.c - a look at a shared object before it is mapped.
 *
 * dlopen maps the segments that the program headers promise, and touching a page beyond the file's end is a bus error, not a
 * failure: one plugin cut short on a full disk would end every listing. So their extents are compared with the file first. Whether the
 * machine, the dependencies and the rest fit is dlopen's to say. */
#include "host/scan.h"
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

static int segments_inside(int fd, uint64_t size)
{
    ElfW(Ehdr) head;
    if (pread(fd, &head, sizeof head, 0) != (ssize_t)sizeof head || memcmp(head.e_ident, ELFMAG, SELFMAG)) return 0;
    if (head.e_phentsize != sizeof(ElfW(Phdr))) return 1; /* another class of machine: dlopen refuses it unmapped */
    for (uint32_t i = 0; i < head.e_phnum; i++) {
        ElfW(Phdr) segment;
        uint64_t at = (uint64_t)i * sizeof segment;
        if (head.e_phoff > size || at > size - head.e_phoff) return 0;
        if (pread(fd, &segment, sizeof segment, (off_t)(head.e_phoff + at)) != (ssize_t)sizeof segment) return 0;
        if (segment.p_type == PT_LOAD && (segment.p_offset > size || segment.p_filesz > size - segment.p_offset))
            return 0;
    }
    return 1;
}

int ggx_elf_whole(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 1; /* dlopen says why */
    int whole = fstat(fd, &st) || segments_inside(fd, (uint64_t)st.st_size);
    close(fd);
    return whole;
}
