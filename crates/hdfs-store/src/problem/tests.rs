use super::*;

fn of(error: HdfsError) -> Problem {
    Problem::of(error, &"NameNode n:1".into())
}

#[test]
fn exceptions() {
    use StoreErrorKind as Kind;
    let io = "java.io.IOException";
    let hdfs = "org.apache.hadoop.hdfs.protocol.";
    for (class, message, kind) in [
        ("java.io.FileNotFoundException", "File does not exist: /a\n\tat x", Kind::NotFound),
        ("java.io.FileNotFoundException", "Path is not a file: /a", Kind::Other),
        (
            "org.apache.hadoop.fs.ParentNotDirectoryException",
            "/a (is not a directory)",
            Kind::NotFound,
        ),
        (
            "org.apache.hadoop.security.AccessControlException",
            "Permission denied: user=x",
            Kind::PermissionDenied,
        ),
        (
            "org.apache.hadoop.security.AccessControlException",
            "SIMPLE authentication is not enabled.  Available:[TOKEN, KERBEROS]",
            Kind::Address,
        ),
        (
            &format!("{hdfs}DSQuotaExceededException"),
            "The DiskSpace quota of /q is exceeded",
            Kind::Full,
        ),
        (
            &format!("{hdfs}NSQuotaExceededException"),
            "The NameSpace quota of /q is exceeded",
            Kind::Full,
        ),
        (
            "org.apache.hadoop.hdfs.server.namenode.SafeModeException",
            "Cannot create file/a.",
            Kind::Unavailable,
        ),
        (
            "org.apache.hadoop.ipc.StandbyException",
            "Operation category READ is not",
            Kind::Unavailable,
        ),
        ("org.apache.hadoop.fs.InvalidPathException", "Invalid path name", Kind::Address),
        (
            io,
            "File /a could only be written to 0 of the 1 minReplication nodes.",
            Kind::Unavailable,
        ),
        (io, "something else", Kind::Other),
    ] {
        let problem = of(HdfsError::RPCError(class.to_owned(), message.to_owned()));
        assert_eq!(problem.kind, kind, "{class} {message}");
        assert!(!problem.is_connection);
        let text = problem.to_string();
        assert!(text.ends_with("(NameNode n:1)") && !text.contains('\n'), "{text}");
    }
}

#[test]
fn connections() {
    let refused = || HdfsError::IOError(io::ErrorKind::ConnectionRefused.into());
    assert!(of(refused()).is_connection);
    assert_eq!(of(refused()).kind, StoreErrorKind::Unavailable);
    let unknown =
        io::Error::other("failed to lookup address information: Name or service not known");
    let problem = of(HdfsError::IOError(unknown));
    assert_eq!(problem.kind, StoreErrorKind::Address);
    assert!(problem.to_string().contains("hdfs-site.xml"), "{problem}");
    let kerberos = of(HdfsError::NoSASLMechanism);
    assert_eq!(kerberos.kind, StoreErrorKind::Address);
    assert!(kerberos.to_string().starts_with("Kerberos is not supported yet"), "{kerberos}");
}

#[test]
fn data_nodes_are_named_by_their_address() {
    let long = "All DataNodes failed: [DatanodeInfoProto { id: DatanodeIdProto { ip_addr: \"10.0.0.1\", \
        host_name: \"x\", datanode_uuid: \"u\", xfer_port: 9866, info_port: 9864 } }, DatanodeInfoProto { \
        id: DatanodeIdProto { ip_addr: \"10.0.0.2\", host_name: \"y\", xfer_port: 9866 } }]";
    let problem = of(HdfsError::DataTransferError(long.to_owned()));
    assert_eq!(
        problem.to_string(),
        "the block could not be read from DataNode 10.0.0.1:9866, 10.0.0.2:9866 (NameNode n:1)"
    );
}
