# Sourced by `cluster`: the configuration out of the templates in conf/, and the keys of Kafka's TLS listener.
# shellcheck shell=bash

# render FOLDER: writes conf/ there, with every @NAME@ replaced by that setting's value.
render() {
    local file target text name
    while IFS= read -r file; do
        target=$1/${file#"$cluster_dir/conf/"}
        mkdir -p "$(dirname "$target")"
        text=$(<"$file")
        for name in "${!RFM_@}"; do
            text=${text//"@$name@"/"${!name}"}
        done
        [[ $text =~ @[A-Z][A-Z0-9_]*@ ]] && die "$file names an unknown setting: ${BASH_REMATCH[0]}"
        # A cluster that runs is extended while its clients read this: they never find half a file.
        printf '%s\n' "$text" >"$target.new"
        mv "$target.new" "$target"
    done < <(find "$cluster_dir/conf" -type f)
}

# render_for KIND FOLDER: as for another way of running the same daemons, whose values are in KIND.env. Only what
# those two files set counts: neither the caller's settings nor those of a cluster at hand.
render_for() {
    local values=$cluster_dir/$1.env folder
    [[ -f $values && $1 != defaults ]] || die "nothing to render for '$1': there is no $values"
    folder=$(realpath -m -- "$2")
    (
        for name in "${!RFM_@}"; do
            unset "$name"
        done
        # shellcheck source=../compose.env
        . "$values"
        # shellcheck source=../defaults.env
        . "$cluster_dir/defaults.env"
        render "$folder"
    )
}

# A certificate authority, and certificates for the broker and for a client that it signed, once. Clients trust its ca.pem.
make_key_stores() {
    local dir=$RFM_CLUSTER_HOME/tls
    [[ -f $dir/client.key ]] && return
    rm -rf "$dir"
    mkdir -p "$dir"
    local keytool=("$JAVA_HOME/bin/keytool" -noprompt -storetype PKCS12 -storepass "$RFM_STORE_PASSWORD")
    local key=(-keyalg EC -groupname secp256r1 -validity 3650)
    {
        "${keytool[@]}" -keystore "$dir/ca.p12" -genkeypair -alias ca -dname 'CN=Local cluster CA' "${key[@]}" \
            -ext bc:critical=ca:true -ext ku:critical=keyCertSign,cRLSign
        "${keytool[@]}" -keystore "$dir/ca.p12" -exportcert -alias ca -rfc -file "$dir/ca.pem"
        "${keytool[@]}" -keystore "$dir/trust.p12" -importcert -alias ca -file "$dir/ca.pem"
        make_signed_key broker 'CN=localhost' -ext san=dns:localhost,ip:127.0.0.1
        make_signed_key client "CN=$RFM_SCRAM_USER"
        # A client that is not Java wants PEM files; the last one tells that all is there.
        "$java" "$cluster_dir/java/tls/KeyToPem.java" "$dir/client.p12" "$RFM_STORE_PASSWORD" client >"$dir/new.key"
    } >"$dir/keytool.log" 2>&1 || die "making keys failed, see $dir/keytool.log"
    chmod 600 "$dir/new.key"
    mv "$dir/new.key" "$dir/client.key"
}

# make_signed_key NAME SUBJECT [OPTION...]: NAME.p12 with a key and its certificate, and NAME.pem with the latter alone; the
# options are for signing. Uses variables of make_key_stores.
make_signed_key() {
    local name=$1 store=$dir/$1.p12
    "${keytool[@]}" -keystore "$store" -genkeypair -alias "$name" -dname "$2" "${key[@]}"
    "${keytool[@]}" -keystore "$store" -certreq -alias "$name" -file "$dir/$name.csr"
    "${keytool[@]}" -keystore "$dir/ca.p12" -gencert -alias ca -rfc -validity 3650 \
        -infile "$dir/$name.csr" -outfile "$dir/$name.pem" "${@:3}"
    "${keytool[@]}" -keystore "$store" -importcert -alias ca -file "$dir/ca.pem"
    "${keytool[@]}" -keystore "$store" -importcert -alias "$name" -file "$dir/$name.pem"
    rm -f "$dir/$name.csr"
}
