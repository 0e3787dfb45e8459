#!/bin/sh
# Pulumi's installer: the same options, no download.
echo "installer $*" >>"$CALLS"
while [ "$1" != --install-root ]; do
  if [ "$1" = --version ]; then version=$2; fi
  shift
done
mkdir -p "$2/bin"
printf '#!/bin/sh\necho v%s\n' "$version" >"$2/bin/pulumi"
chmod +x "$2/bin/pulumi"
[ -z "${BROKEN_INSTALLER:-}" ] || exit 1
cp "$2/bin/pulumi" "$2/bin/pulumi-language-python"
