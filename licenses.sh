#!/bin/sh
# Collects the licences of what the program is made of, once it is built: licenses.sh FOLDER TARGET
# DEPENDENCIES names each part with its licence; a folder has the texts that a part brings.
set -eu
folder=$1 target=$2
mkdir -p "$folder"
cp LICENSE "$folder/"
{
    echo 'name and version | licence | source'
    cargo tree --locked --package voicecampaign-operator --edges normal --target "$target" --prefix none \
        --format '{p} | {l} | {r}' | sed 's/ (\*)$//; s/ (proc-macro)//' | grep -v '^voicecampaign-operator ' | sort -u
    echo 'Rust standard library | MIT OR Apache-2.0 | https://github.com/rust-lang/rust'
    echo 'GNU C library | LGPL-2.1-or-later | https://sourceware.org/glibc'
} > "$folder/DEPENDENCIES"
sed -n 's/^\([^ ]*\) v\([^ ]*\) |.*/\1-\2/p' "$folder/DEPENDENCIES" | while read -r package; do
    for source in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"$package"/; do
        # Two levels: a crate may bring the code of another project.
        find "$source" -maxdepth 2 -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' \) \
            | while read -r file; do
                copy=$folder/$package/${file#"$source"}
                mkdir -p "$(dirname "$copy")"
                cp "$file" "$copy"
            done
    done
done
# Linked statically, too.
for file in "$(rustc --print sysroot)/share/doc/rust/COPYRIGHT-library.html" /usr/share/doc/libc6/copyright; do
    if [ -f "$file" ]; then cp "$file" "$folder/$(echo "$file" | sed 's|.*/doc/||; s|/|-|g')"; fi
done
